import { setTimeout as wait } from 'node:timers/promises'
import { ProviderError } from './errors.ts'

/** `baseMs` doubles with every try; a `Retry-After` over `longestMs` is the caller's business, and not waited for. */
export type RetryPolicy = { tries: number; baseMs: number; longestMs: number }
export const retryPolicy: RetryPolicy = { tries: 3, baseMs: 400, longestMs: 5_000 }

/**
 * Calls again after what passes by itself: 429, 5xx and broken connections. Never after the first token (`begun`): the client has it
 * already, and a second answer would be another one.
 */
export async function withRetries<T>(
  call: () => Promise<T>,
  { begun, signal, policy = retryPolicy }: { begun(): boolean; signal: AbortSignal; policy?: RetryPolicy },
): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await call()
    } catch (error) {
      const pause = error instanceof ProviderError && error.retryable && !begun() && tried < policy.tries
      const ms = pause ? pauseMs(error.retryAfter, tried, policy) : undefined
      if (ms === undefined || signal.aborted) throw error
      await wait(ms, undefined, { signal }).catch(() => {
        throw signal.reason instanceof Error ? signal.reason : error
      })
    }
  }
}

function pauseMs(retryAfter: number | null, tried: number, { baseMs, longestMs }: RetryPolicy): number | undefined {
  if (retryAfter !== null) return retryAfter * 1000 <= longestMs ? retryAfter * 1000 : undefined
  const full = Math.min(longestMs, baseMs * 2 ** (tried - 1))
  return full / 2 + Math.random() * (full / 2)
}
