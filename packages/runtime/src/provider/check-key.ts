import type { KeyCheck } from '@stewrd/core/key-health/commands.ts'
import { randomBytes } from 'node:crypto'
import type { Egress } from '../egress/egress.ts'
import { clientOf, within } from './client.ts'
import { Aborted, ProviderError } from './errors.ts'
import { providerError } from './thrown.ts'
import { modelsIn } from './list-models.ts'
import type { ModelTarget } from './target.ts'

const TIMEOUT_MS = 15_000

/**
 * Asks the provider about the key itself. Only an answer that depends on the key counts: OpenRouter lists its models to everybody, and a
 * custom server may take any key. Never throws; reasons are our own words.
 */
export async function checkKey(
  egress: Pick<Egress, 'fetch'>,
  target: ModelTarget,
  { timeoutMs = TIMEOUT_MS } = {},
): Promise<KeyCheck> {
  const began = performance.now()
  try {
    const method = await methods[target.provider](egress, target, timeoutMs)
    return { health: 'verified', method, latencyMs: Math.round(performance.now() - began) }
  } catch (error) {
    return failed(error)
  }
}

type Method = (
  egress: Pick<Egress, 'fetch'>,
  target: ModelTarget,
  timeoutMs: number,
) => Promise<'key_endpoint' | 'models' | 'one_token'>

const methods: Record<ModelTarget['provider'], Method> = {
  async openai(egress, target, timeoutMs) {
    if (!modelsIn(await clientOf(egress, target).get('/models', within(timeoutMs)))) throw notThisApi()
    return 'models'
  },
  async openrouter(egress, target, timeoutMs) {
    const answer: unknown = await clientOf(egress, target).get('/key', within(timeoutMs))
    if (typeof answer !== 'object' || answer === null || !('data' in answer)) throw notThisApi()
    return 'key_endpoint'
  },
  async custom(egress, target, timeoutMs) {
    // The key itself goes first: a server that refuses it must not be taken for one that accepts any key.
    await oneToken(egress, target, timeoutMs)
    const decoy = { ...target, key: { reveal: () => `sk-stewrd-wrong-key-${randomBytes(12).toString('hex')}` } }
    if (await accepts(egress, decoy, timeoutMs))
      throw new ProviderError('compute_error', 'This server accepts any key, so a key cannot be verified here.')
    return 'one_token'
  },
}

/** Whether a call with this key is answered. Any refusal by the server counts as a "no": some answer 400 to a wrong key. */
async function accepts(egress: Pick<Egress, 'fetch'>, target: ModelTarget, timeoutMs: number): Promise<boolean> {
  try {
    await oneToken(egress, target, timeoutMs)
    return true
  } catch (error) {
    const mapped = providerError(error)
    if (mapped instanceof ProviderError && mapped.status !== null && refuses(mapped.status)) return false
    throw mapped
  }
}

/** A refusal of the request as it was sent, not of its rate or its time. */
const refuses = (status: number) => status >= 400 && status < 500 && status !== 408 && status !== 429

/** A call as short as the model allows: some models refuse `max_tokens`, so a call that is refused is made once more as runs make it. */
async function oneToken(egress: Pick<Egress, 'fetch'>, target: ModelTarget, timeoutMs: number): Promise<void> {
  try {
    await call(egress, target, timeoutMs, { max_tokens: 1 })
  } catch (error) {
    const { status } = providerError(error) as Partial<ProviderError>
    if (status !== 400 && status !== 422) throw error
    await call(egress, target, timeoutMs, {})
  }
}

async function call(
  egress: Pick<Egress, 'fetch'>,
  target: ModelTarget,
  timeoutMs: number,
  limit: { max_tokens?: 1 },
): Promise<void> {
  const answer: unknown = await clientOf(egress, target).chat.completions.create(
    { model: target.model, messages: [{ role: 'user', content: 'ping' }], ...limit },
    within(timeoutMs),
  )
  if (typeof answer !== 'object' || answer === null || !('choices' in answer)) throw notThisApi()
}

const notThisApi = () =>
  new ProviderError('compute_error', 'The server answered with something else than this API does. Check the base URL.')

/** What an error of a call says about its key. */
export function failed(error: unknown): KeyCheck {
  const mapped = providerError(error)
  if (mapped instanceof Aborted) return { health: 'unreachable', reason: 'The provider did not answer in time.' }
  if (mapped.code === 'provider_key_rejected')
    return {
      health: 'rejected',
      status: mapped.status ?? 401,
      reason: 'It does not accept this key. Check that it is whole and not revoked.',
    }
  return { health: 'unreachable', reason: mapped.message }
}
