import OpenAI from 'openai'
import type { Egress } from '../egress/egress.ts'
import type { ProviderTarget } from './target.ts'

/** A client for one call or run. It holds the key in the clear: never keep, log or return it. */
export function clientOf(egress: Pick<Egress, 'fetch'>, { baseUrl, key }: ProviderTarget, timeoutMs: number): OpenAI {
  return new OpenAI({
    baseURL: baseUrl,
    apiKey: key.reveal(),
    fetch: egress.fetch,
    timeout: timeoutMs,
    // Whether to try again is the run's decision: a provider call costs money.
    maxRetries: 0,
    organization: null,
    project: null,
    logLevel: 'off',
  })
}

/** The SDK's own timeout ends when an answer begins; this one holds until its last byte. */
export const within = (timeoutMs: number) => ({ signal: AbortSignal.timeout(timeoutMs) })
