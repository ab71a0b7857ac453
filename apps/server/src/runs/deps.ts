import type { Decider, Head } from '@stewrd/core/kernel/decider.ts'
import type { EventShape, Recorded } from '@stewrd/core/kernel/event.ts'
import type { Execute, StreamId } from '@stewrd/core/kernel/execute.ts'
import type { ProviderRef } from '@stewrd/core/llm/events.ts'
import type { RunRow } from '@stewrd/core/runs/runs.projection.ts'
import type { Secret } from '@stewrd/crypto/secret.ts'
import type { Egress } from '@stewrd/runtime/egress/egress.ts'
import type { Turn } from '@stewrd/runtime/loop/messages.ts'
import type { Logger } from 'pino'
import type { RevocationWatch } from '../auth/revocation-watch.ts'
import type { Files } from '../files/create.ts'
import type { Allowance } from './allowance.ts'
import type { PriceBook } from '../prices/price-book.ts'
import type { Tolls } from '../credits/tolls.ts'
import type { Secrets } from '../kernel/secrets.ts'

type HeadRequest<State, Command, Event extends EventShape> = readonly [Decider<State, Command, Event>, StreamId]

/** Milliseconds. `sync`: a synchronous call of an agent is answered by then; `step`: until a provider's first byte; `run`: without waiting for the client. */
export type RunLimits = { sync: number; step: number; run: number }
/** Stewrd's own clients give up at 120 s; those of other doors wait ten minutes, and a model that thinks may be silent as long. */
export const runLimits: RunLimits = { sync: 115_000, step: 10 * 60_000, run: 10 * 60_000 }
/** The limits where the operator has set that of a run. */
export const limitsOf = (run: number): RunLimits => ({ ...runLimits, step: run, run })

/** When a run with this deadline started, unix milliseconds. */
export const startOf = ({ deadline }: { deadline: number }, { run }: Pick<RunLimits, 'run'>): number => deadline - run

/** What running agents needs of the platform. */
export type RunsDeps = {
  accountId: string
  node: string
  now(): number
  log: Logger
  limits: RunLimits
  store: {
    execute: Execute
    read(stream: StreamId): Promise<readonly Recorded[]>
    head<S, C, E extends EventShape>(decider: Decider<S, C, E>, stream: StreamId): Promise<Head<S>>
    heads<A, AC, AE extends EventShape, B, BC, BE extends EventShape, D, DC, DE extends EventShape>(
      requests: readonly [HeadRequest<A, AC, AE>, HeadRequest<B, BC, BE>, HeadRequest<D, DC, DE>],
    ): Promise<readonly [Head<A>, Head<B>, Head<D>]>
    lookup(hash: string): Promise<{ accountId: string; projectId: string } | undefined>
  }
  secrets: Pick<Secrets, 'apiKeyHash' | 'openKey' | 'requestDigest' | 'idempotentRunId'>
  /** Of API keys, by hash. */
  revocations: Pick<RevocationWatch, 'watch'>
  egress: Pick<Egress, 'fetch' | 'post'>
  files: Pick<Files, 'service' | 'urls'>
  priceBook: Pick<PriceBook, 'cost' | 'warm'>
  tolls: Pick<Tolls, 'pass' | 'mayHaveChanged' | 'account'>
  /** What a project without a key of its own runs on. */
  fallback: RunFallback
  /** `forget` is called when keys that were opened must leave this process. */
  onForget(forget: () => void): void
  /** Runs that the views show as running on a node that is dead, or on this one and not among `live`, or as waiting for outputs that are overdue. */
  orphans(live: readonly string[]): Promise<readonly RunRow[]>
  /** Revisions of these streams, as they are now. */
  revisions(streams: readonly string[]): Promise<ReadonlyMap<string, number>>
  /** Sessions of a project with activity since, counting those of `recent` that no view has yet. */
  activeSessions(projectId: string, since: number, recent: readonly string[]): Promise<number>
  /** The messages of a session before this run, with their answers. */
  historyOf(projectId: string, sessionId: string, runId: string): Promise<readonly Turn[]>
  /** The project that a stream belongs to. */
  streamOwner(stream: string): Promise<string | undefined>
}

export type RunFallback =
  | { source: 'default'; provider: ProviderRef; model: string; key: Secret; allowance: Allowance }
  | { source: 'demo'; provider: ProviderRef; model: string }
  | { source: 'none' }
