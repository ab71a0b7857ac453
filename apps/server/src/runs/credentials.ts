import { apiKeys, apiKeysStream } from '@stewrd/core/api-keys/api-keys.ts'
import type { Guard, StreamId } from '@stewrd/core/kernel/execute.ts'
import type { ProviderRef } from '@stewrd/core/llm/events.ts'
import { llm, llmStream } from '@stewrd/core/llm/llm.ts'
import type { Llm, OwnLlm } from '@stewrd/core/llm/llm.ts'
import type { Capability } from '@stewrd/core/kernel/capabilities.ts'
import type { Plan } from '@stewrd/core/kernel/plan.ts'
import type { ProjectLimits } from '@stewrd/core/projects/limits.ts'
import { projects, projectStream } from '@stewrd/core/projects/projects.ts'
import { apiKeyLooksValid } from '@stewrd/crypto/api-key.ts'
import { EnvelopeError } from '@stewrd/crypto/gcm.ts'
import { Secret } from '@stewrd/crypto/secret.ts'
import { DEMO_BASE_URL } from '@stewrd/runtime/demo/demo-model.ts'
import { DataKeyMissing } from '@stewrd/db/data-keys.ts'
import { LRUCache } from 'lru-cache'
import type { Watched } from '../auth/revocation-watch.ts'
import type { Allowance } from './allowance.ts'
import { ContractError } from './contract-error.ts'
import type { RunsDeps } from './deps.ts'

/** Where a run's calls go, with the opened key: in memory only. */
export type RunTarget = {
  source: 'project' | 'default' | 'demo'
  provider: ProviderRef
  model: string
  key: Secret
  fingerprint: string | null
  /** Of the server's own key. */
  allowance?: Allowance
  /** In an overlap: the key before, for when the provider answers 401 to this one. */
  fallback?: FallbackKey
  /** The server's own, for when the provider fails, where the project allows that. */
  backup?: RunTarget
}
/** `until`: unix milliseconds. */
export type FallbackKey = { key: Secret; fingerprint: string; dekId: string; until: number }
/** What a node knows of an API key: its project's configuration, as of the revisions in `guards`. */
export type Credential = {
  projectId: string
  keyId: string
  capabilities: readonly Capability[]
  limits?: ProjectLimits
  plan?: Plan
  target: RunTarget | undefined
  revision: number
  guards: readonly Guard[]
}

const REMEMBERED = 10_000
/** So long at most is an opened key kept that is destroyed meanwhile, and that no run asks for. */
const REMEMBERED_MS = 10 * 60_000
export const invalidApiKey = () =>
  new ContractError(
    'invalid_api_key',
    'The API key is missing, malformed or revoked. Send it as "Authorization: Bearer sk-stw_…".',
  )

/**
 * Credentials by API key. What is remembered may be stale: a run's append is conditional on `guards`, so a stale one costs a second
 * look and never a wrong run. Unknown keys are not remembered.
 */
export class Credentials {
  readonly #deps: RunsDeps
  readonly #known = new LRUCache<string, Credential>({ max: REMEMBERED, ttl: REMEMBERED_MS, ttlAutopurge: true })
  readonly #loading = new Map<string, Promise<Credential>>()

  constructor(deps: RunsDeps) {
    this.#deps = deps
    deps.onForget(() => this.#known.clear())
  }

  /** The credential of an `Authorization` header. Throws 401 `invalid_api_key`; an outage is StoreUnavailable, never a 401. */
  async of(authorization: string | undefined, { reload = false } = {}): Promise<Credential> {
    const hash = this.#hashOf(authorization)
    const known = reload ? undefined : this.#known.get(hash)
    if (known) return known
    // Many requests that find the same thing stale look once.
    const loading = this.#loading.get(hash) ?? this.#load(hash).finally(() => this.#loading.delete(hash))
    this.#loading.set(hash, loading)
    return await loading
  }

  /** What is open under the key of an `Authorization` header ends when `ended` aborts. */
  watch(authorization: string | undefined): Watched {
    return this.#deps.revocations.watch(this.#hashOf(authorization))
  }

  #hashOf(authorization: string | undefined): string {
    const text = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
    if (text === undefined || !apiKeyLooksValid(text)) throw invalidApiKey()
    return this.#deps.secrets.apiKeyHash(new Secret(text))
  }

  async #load(hash: string): Promise<Credential> {
    this.#known.delete(hash)
    const { accountId, store } = this.#deps
    const found = await store.lookup(hash)
    if (!found) throw invalidApiKey()
    const { projectId } = found
    const id = (stream: string): StreamId => ({ accountId, projectId, stream })
    const streams = [projectStream(projectId), llmStream(projectId), apiKeysStream(projectId)] as const
    const [project, config, key] = await store.heads([
      [projects, id(streams[0])],
      [llm, id(streams[1])],
      [apiKeys, id(streams[2])],
    ])
    if (project.state.status !== 'active' || key.state.status !== 'active' || key.state.hash !== hash)
      throw invalidApiKey()
    const credential = {
      projectId,
      keyId: key.state.keyId,
      capabilities: project.state.capabilities,
      ...(project.state.limits && { limits: project.state.limits }),
      ...(project.state.plan && { plan: project.state.plan }),
      target: await this.#target(projectId, config.state, project.state.fallsBack),
      revision: config.revision,
      guards: [project, config, key].map(({ revision }, i) => ({ stream: streams[i]!, revision })),
    }
    this.#known.set(hash, credential)
    return credential
  }

  /** What a run of a project goes on with: from the database, on the condition of the revisions in `guards`. Refused unless the project is active. */
  async ofProject(projectId: string): Promise<Omit<Credential, 'keyId'>> {
    const id = (stream: string): StreamId => ({ accountId: this.#deps.accountId, projectId, stream })
    const streams = [projectStream(projectId), llmStream(projectId), apiKeysStream(projectId)] as const
    const [project, config] = await this.#deps.store.heads([
      [projects, id(streams[0])],
      [llm, id(streams[1])],
      [apiKeys, id(streams[2])],
    ])
    if (project.state.status !== 'active')
      throw new ContractError('service_unavailable', 'The project of this run is not active any more.')
    return {
      projectId,
      capabilities: project.state.capabilities,
      target: await this.#target(projectId, config.state, project.state.fallsBack),
      revision: config.revision,
      guards: [project, config].map(({ revision }, i) => ({ stream: streams[i]!, revision })),
    }
  }

  async #target(projectId: string, state: Llm, fallsBack = false): Promise<RunTarget | undefined> {
    if (state.status === 'own') {
      const { provider, model, key } = state
      try {
        const opened = await this.#deps.secrets.openKey(projectId, provider.baseUrl, key)
        const fallback = await this.#fallback(projectId, state)
        const backup = fallsBack ? this.#default() : undefined
        const own = { source: 'project', provider, model, key: opened, fingerprint: key.fingerprint } as const
        return { ...own, ...fallback, ...(backup?.source === 'default' && { backup }) }
      } catch (error) {
        // It must never look like a project that has no key: that would run on somebody else's.
        if (error instanceof EnvelopeError || error instanceof DataKeyMissing)
          throw new ContractError(
            'service_unavailable',
            'The stored provider key of this project cannot be opened. Its owner should enter the key again.',
            { cause: error },
          )
        throw error
      }
    }
    return this.#default()
  }

  /** What a project without a key of its own runs on. */
  #default(): RunTarget | undefined {
    const { fallback } = this.#deps
    if (fallback.source === 'none') return undefined
    const key = fallback.source === 'default' ? fallback.key : new Secret('demo-needs-no-key')
    const { source, provider, model } = fallback
    return {
      source,
      provider,
      model,
      key,
      fingerprint: null,
      ...(source === 'default' && { allowance: fallback.allowance }),
    }
  }

  /** A fallback that cannot be opened is none: the run has its own key. */
  async #fallback(projectId: string, { provider, fallback }: OwnLlm): Promise<{ fallback?: FallbackKey }> {
    if (!fallback || this.#deps.now() >= fallback.until) return {}
    const { fingerprint, dekId } = fallback.key
    try {
      const key = await this.#deps.secrets.openKey(projectId, provider.baseUrl, fallback.key)
      return { fallback: { key, fingerprint, dekId, until: fallback.until } }
    } catch (error) {
      if (error instanceof EnvelopeError || error instanceof DataKeyMissing) return {}
      throw error
    }
  }
}

export const isDemo = ({ source, provider }: RunTarget) => source === 'demo' && provider.baseUrl === DEMO_BASE_URL
