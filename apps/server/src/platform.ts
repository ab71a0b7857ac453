import type { AnyEvent } from '@stewrd/core/catalog.ts'
import type { Decider, Head } from '@stewrd/core/kernel/decider.ts'
import type { EventShape, Logged, Noun, Recorded } from '@stewrd/core/kernel/event.ts'
import type { Execute, StreamId } from '@stewrd/core/kernel/execute.ts'
import type { KeyCheck } from '@stewrd/core/key-health/commands.ts'
import type { ProviderRef } from '@stewrd/core/llm/events.ts'
import type { Secret } from '@stewrd/crypto/secret.ts'
import type { Auth } from './auth/auth.ts'
import type { Person } from './auth/people.ts'
import type { Secrets } from './kernel/secrets.ts'

/** Everything that the edges (tRPC, /v1, command line, jobs) work with. Made once by `createPlatform`. */
export type Platform = {
  accountId: string
  version: string
  /** Name of this process among the nodes that share the database. */
  node: string
  startedAt: number
  now(): number
  fallback: Fallback
  store: Store
  views: Views
  history: History
  readLog(range: LogRange): AsyncIterable<(Logged<AnyEvent> | Unreadable)[]>
  projector: Settling
  lag(): Promise<{ view: string; behind: number }[]>
  egress: { check(url: string): Promise<void> }
  providers: Providers
  secrets: Secrets
  people: { find(userIds: readonly string[]): Promise<Person[]> }
  auth: Pick<Auth, 'handler' | 'person' | 'createOwner'>
  setup: Setup
  /** Whether the database answers. */
  ready(): Promise<boolean>
  close(): Promise<void>
}

/** What a project without a key of its own runs on. */
export type Fallback = { source: 'default' | 'demo'; provider: ProviderRef; model: string } | { source: 'none' }

export type Store = {
  execute: Execute
  head<State, Command, Event extends EventShape>(
    decider: Decider<State, Command, Event>,
    stream: StreamId,
  ): Promise<Head<State>>
  read(stream: StreamId, options?: { after?: number }): Promise<Recorded<AnyEvent>[]>
  findCommand(accountId: string, commandId: string): Promise<{ stream: string; revision: number } | undefined>
}

export type ViewPage = { projectId?: string; limit?: number; before?: string }
export type ViewRows<Row> = { rows: Row[]; next?: string }
export type Views = {
  get<Row extends object>(view: string, accountId: string, key: string): Promise<Row | undefined>
  list<Row extends object>(view: string, accountId: string, page?: ViewPage): Promise<ViewRows<Row>>
}

/** An event whose envelope could not be opened is said for what it is, in its place. */
export type Unreadable = Omit<Logged, 'event'> & { type: string; unreadable: string }

export type HistoryFilter = {
  projectId?: string
  nouns?: readonly Noun[]
  types?: readonly string[]
  actor?: string
  from?: number
  to?: number
}
export type History = {
  list(
    accountId: string,
    page: HistoryFilter & { before?: number; after?: number; limit: number },
  ): Promise<(Logged<AnyEvent> | Unreadable)[]>
  get(accountId: string, index: number): Promise<Logged<AnyEvent> | Unreadable | undefined>
  size(): Promise<number>
  tail(
    accountId: string,
    options: { projectId?: string; after: number; signal: AbortSignal },
  ): AsyncIterable<Logged<AnyEvent> | Unreadable>
}
export type LogRange = { accountId?: string; projectId?: string; from?: number; to?: number }

export type Settling = {
  waitFor(accountId: string, stream: string, seq: number, options: { timeoutMs: number }): Promise<boolean>
}

export type KeyTarget = ProviderRef & { key: Secret }
export type Providers = {
  checkKey(target: KeyTarget & { model: string }): Promise<KeyCheck>
  /** Model ids as the provider lists them. Throws when it cannot be asked. */
  listModels(target: KeyTarget): Promise<string[]>
}

export type Setup = {
  ownerExists(): Promise<boolean>
  /** Makes the owner if `token` is the one that `start` printed and nobody has used it; otherwise undefined. */
  createOwner(token: string, owner: { name: string; email: string; password: Secret }): Promise<string | undefined>
}
