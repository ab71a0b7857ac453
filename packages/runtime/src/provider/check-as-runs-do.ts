import type { KeyCheck } from '@stewrd/core/key-health/commands.ts'
import type { Egress } from '../egress/egress.ts'
import { answer } from './answer.ts'
import { checkKey, failed } from './check-key.ts'
import type { ModelTarget } from './target.ts'

const TIMEOUT_MS = 30_000

/**
 * Asks the provider about the key itself, and then makes a call of the model as a run does: a key may be good and still not be allowed this
 * model, or have no quota. Never throws; reasons are our own words.
 */
export async function checkAsRunsDo(egress: Pick<Egress, 'fetch' | 'post'>, target: ModelTarget): Promise<KeyCheck> {
  const check = await checkKey(egress, target)
  if (check.health !== 'verified') return check
  const began = performance.now()
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    await answer(egress, { target, messages: [{ role: 'user', content: 'ping' }], signal, timeoutMs: TIMEOUT_MS })
    return { health: 'verified', method: 'run', latencyMs: Math.round(performance.now() - began) }
  } catch (error) {
    return failed(error)
  }
}
