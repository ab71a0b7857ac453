import type { KeyCheck } from '@stewrd/core/key-health/commands.ts'
import { randomBytes } from 'node:crypto'
import type { Egress } from '../egress/egress.ts'
import { clientOf, within } from './client.ts'
import { Aborted, ProviderError, providerError } from './errors.ts'
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
    const page: { data?: unknown } = await clientOf(egress, target).models.list(within(timeoutMs))
    if (!Array.isArray(page.data)) throw notThisApi()
    return 'models'
  },
  async openrouter(egress, target, timeoutMs) {
    const answer: unknown = await clientOf(egress, target).get('/key', within(timeoutMs))
    if (typeof answer !== 'object' || answer === null || !('data' in answer)) throw notThisApi()
    return 'key_endpoint'
  },
  async custom(egress, target, timeoutMs) {
    const wrong = { ...target, key: { reveal: () => `sk-stewrd-wrong-key-${randomBytes(12).toString('hex')}` } }
    if (await accepts(egress, wrong, timeoutMs))
      throw new ProviderError('compute_error', 'This server answers any key, so a key cannot be verified here.')
    await oneToken(egress, target, timeoutMs)
    return 'one_token'
  },
}

/** Whether a call with this key is answered. Anything but a clear "no" to the key is passed on: then nothing is known. */
async function accepts(egress: Pick<Egress, 'fetch'>, target: ModelTarget, timeoutMs: number): Promise<boolean> {
  try {
    await oneToken(egress, target, timeoutMs)
    return true
  } catch (error) {
    const mapped = providerError(error)
    if (mapped instanceof ProviderError && mapped.code === 'provider_key_rejected') return false
    // A model that is not there was looked for, so the key was let through.
    if (mapped instanceof ProviderError && mapped.code === 'model_not_found') return true
    throw mapped
  }
}

async function oneToken(egress: Pick<Egress, 'fetch'>, target: ModelTarget, timeoutMs: number): Promise<void> {
  const answer: unknown = await clientOf(egress, target).chat.completions.create(
    { model: target.model, messages: [{ role: 'user', content: 'ping' }], max_tokens: 1 },
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
