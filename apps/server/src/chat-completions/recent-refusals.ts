import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { ProviderError } from '@stewrd/runtime/provider/errors.ts'
import { retryPolicy } from '@stewrd/runtime/provider/retry.ts'
import { LRUCache } from 'lru-cache'
import type { RunTarget } from '../runs/credentials.ts'
import type { ChatCompletionRequest } from './request.ts'

/** A client library that tries again by itself. */
export type RetryingClient = 'openai' | 'ai-sdk' | undefined
type Request = { client: RetryingClient; projectId: string; target: RunTarget; request: ChatCompletionRequest }
type Refusal = { error: ProviderError; calls: number; until: number }

/** The client of a request, as its headers name it. LangChain sends what OpenAI's client sends. */
export const retryingClient = (headers: IncomingHttpHeaders): RetryingClient =>
  /\bai-sdk/.test(headers['user-agent'] ?? '') ? 'ai-sdk' : headers['x-stainless-lang'] ? 'openai' : undefined

/** Calls of the provider that one request may cost while each is turned away for its rate. */
const MOST_CALLS = retryPolicy.tries
const LONGEST_MS = 60_000
/** As long as the AI SDK goes on trying where no `Retry-After` tells it more. */
const TRIED_MS = 15_000

/**
 * Requests that a provider turned away for their rate. Clients that try again by themselves send the same request: once it has cost as many calls
 * as it may, it is answered from here, or their tries would multiply ours.
 */
export class RecentRefusals {
  readonly #refused = new LRUCache<string, Refusal>({ max: 5_000, ttl: LONGEST_MS })

  /** Throws the provider's refusal while it holds. */
  check(request: Request): void {
    if (request.client === undefined || this.#refused.size === 0) return
    const known = this.#refused.get(nameOf(request))
    const left = known ? known.until - performance.now() : 0
    if (!known || left <= 0 || known.calls < MOST_CALLS) return
    const { code, message, status, retryAfter } = known.error
    throw new ProviderError(code, message, status, {
      retryAfter: retryAfter === null ? null : Math.min(retryAfter, Math.ceil(left / 1000)),
    })
  }

  /** The error as the client is told it: where short waits were tried and were not enough, none is told again. */
  told(request: Request, error: unknown): unknown {
    if (!(error instanceof ProviderError) || error.status !== 429 || !error.retryable) return error
    const ms = (error.retryAfter ?? 0) * 1000
    const tried = ms <= retryPolicy.longestMs
    const told = tried ? new ProviderError(error.code, error.message, error.status) : error
    // OpenAI's client, and what is built on it, stops where no time is told.
    if (request.client === undefined || (tried && request.client === 'openai')) return told
    const name = nameOf(request)
    const calls = (this.#refused.get(name)?.calls ?? 0) + (tried ? MOST_CALLS : 1)
    this.#refused.set(name, {
      error: told,
      calls,
      until: performance.now() + (tried ? TRIED_MS : Math.min(ms, LONGEST_MS)),
    })
    return told
  }
}

/** Another key or model is another request. */
const nameOf = ({ projectId, target, request }: Request) =>
  [projectId, target.fingerprint ?? target.source, target.provider.baseUrl, target.model]
    .reduce((hash, part) => hash.update(part).update('\0'), createHash('sha256'))
    .update(JSON.stringify(request))
    .digest('base64')
