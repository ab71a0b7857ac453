import type { Decider, Head } from '@stewrd/core/kernel/decider.ts'
import type { EventShape } from '@stewrd/core/kernel/event.ts'
import type { Execute, StreamId } from '@stewrd/core/kernel/execute.ts'
import type { ProviderRef } from '@stewrd/core/llm/events.ts'
import type { RunRow } from '@stewrd/core/runs/runs.projection.ts'
import type { Secret } from '@stewrd/crypto/secret.ts'
import type { Egress } from '@stewrd/runtime/egress/egress.ts'
import type { Logger } from 'pino'
import type { Secrets } from '../kernel/secrets.ts'

type HeadRequest<State, Command, Event extends EventShape> = readonly [Decider<State, Command, Event>, StreamId]

/** What running agents needs of the platform. */
export type RunsDeps = {
  accountId: string
  node: string
  now(): number
  log: Logger
  store: {
    execute: Execute
    head<S, C, E extends EventShape>(decider: Decider<S, C, E>, stream: StreamId): Promise<Head<S>>
    heads<A, AC, AE extends EventShape, B, BC, BE extends EventShape, D, DC, DE extends EventShape>(
      requests: readonly [HeadRequest<A, AC, AE>, HeadRequest<B, BC, BE>, HeadRequest<D, DC, DE>],
    ): Promise<readonly [Head<A>, Head<B>, Head<D>]>
    lookup(hash: string): Promise<{ accountId: string; projectId: string } | undefined>
  }
  secrets: Pick<Secrets, 'apiKeyHash' | 'openKey'>
  egress: Pick<Egress, 'fetch'>
  /** What a project without a key of its own runs on. */
  fallback: RunFallback
  /** `forget` is called when keys that were opened must leave this process. */
  onForget(forget: () => void): void
  /** Runs that the views show as running, and whether a node still lives: for the reaper. */
  orphans(): Promise<readonly RunRow[]>
}

export type RunFallback =
  | { source: 'default'; provider: ProviderRef; model: string; key: Secret }
  | { source: 'demo'; provider: ProviderRef; model: string }
  | { source: 'none' }
