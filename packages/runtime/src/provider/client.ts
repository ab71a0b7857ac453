import OpenAI from 'openai'
import type { Egress } from '../egress/egress.ts'
import type { ProviderTarget, Revealable } from './target.ts'

type Made = { fetch: Egress['fetch']; baseUrl: string; client: OpenAI }

// A client lives no longer than its key: whoever forgets the key has forgotten the client.
const made = new WeakMap<Revealable, Made>()

/** The client of a key, the same for all its calls. It holds the key in the clear: never keep, log or return it. */
export function clientOf({ fetch }: Pick<Egress, 'fetch'>, { baseUrl, key }: ProviderTarget): OpenAI {
  const known = made.get(key)
  if (known?.fetch === fetch && known.baseUrl === baseUrl) return known.client
  const client = newClient(fetch, baseUrl, key)
  made.set(key, { fetch, baseUrl, client })
  return client
}

function newClient(fetch: Egress['fetch'], baseURL: string, key: Revealable): OpenAI {
  return new OpenAI({
    baseURL,
    apiKey: key.reveal(),
    fetch,
    // Whether to try again is the run's decision: a provider call costs money.
    maxRetries: 0,
    organization: null,
    project: null,
    logLevel: 'off',
  })
}

/** Options of a call. The SDK's own timeout ends when an answer begins; the signal holds until its last byte. */
export const within = (timeoutMs: number) => ({ timeout: timeoutMs, signal: AbortSignal.timeout(timeoutMs) })
