import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { Noun } from '@stewrd/core/kernel/event.ts'
import type { Platform } from '../platform.ts'
import type { HistoryFilter } from '@stewrd/db/history.ts'
import { streamOf } from '../projects/project-of.ts'
import type { HistoryEntry } from './entry.ts'
import { entries, nounOf } from './entry.ts'
import type { PublicState } from './public-state.ts'
import { publicState } from './public-state.ts'

/** Newest first. `nextCursor` asks for the older rows after these; null at the end. `size` is the length of the whole log. */
export type HistoryPage = { entries: HistoryEntry[]; nextCursor: number | null; size: number }
/** An event with its stream's state before and after it. Both are null when the stream cannot be opened, or is another project's. */
export type HistoryDetail = { entry: HistoryEntry; before: PublicState | null; after: PublicState | null }

/** Every filter of the history page; what is left out does not filter. Unix milliseconds, `from` included and `to` excluded. */
export type HistoryQuery = {
  projectId?: string | undefined
  nouns?: readonly Noun[] | undefined
  types?: readonly string[] | undefined
  actor?: string | undefined
  from?: number | undefined
  to?: number | undefined
}

export async function historyPage(
  platform: Platform,
  { cursor, limit, ...query }: HistoryQuery & { cursor?: number | null | undefined; limit: number },
): Promise<HistoryPage> {
  const before = typeof cursor === 'number' ? { before: cursor } : {}
  const [logged, size] = await Promise.all([
    platform.history.list(platform.accountId, { ...filterOf(query), ...before, limit: limit + 1 }),
    platform.history.size(),
  ])
  const page = logged.slice(0, limit)
  const nextCursor = logged.length > limit ? (page.at(-1)?.index ?? null) : null
  return { entries: await entries(platform, page), nextCursor, size }
}

/** Oldest first: the rows after `after` (-1: from the beginning), at most `limit`. */
export async function historyPageAfter(
  platform: Platform,
  { after, limit, ...query }: HistoryQuery & { after: number; limit: number },
): Promise<HistoryEntry[]> {
  const logged = await platform.history.list(platform.accountId, { ...filterOf(query), after, limit })
  return entries(
    platform,
    logged.toSorted((a, b) => a.index - b.index),
  )
}

export async function historyDetail(platform: Platform, index: number): Promise<HistoryDetail> {
  const logged = await platform.history.get(platform.accountId, index)
  if (!logged) throw new Refusal('NOT_FOUND', { what: 'event', id: String(index) })
  const [entry] = await entries(platform, [logged])
  if (logged.unreadable !== undefined) return { entry: entry!, before: null, after: null }
  const stream = streamOf(platform, logged.projectId, logged.stream)
  const recorded = (await platform.store.read(stream)).filter((r) => r.seq <= logged.seq)
  // It stands in a stream of another project, in which it changes nothing.
  if (recorded.at(-1)?.seq !== logged.seq) return { entry: entry!, before: null, after: null }
  const events = recorded.map((r) => r.event)
  const { noun } = entry!
  return { entry: entry!, before: publicState(noun, events.slice(0, -1)), after: publicState(noun, events) }
}

/** New rows as they get their place in the log, oldest first, from the one after `after`; ends with `signal`. */
export async function* historyTail(
  platform: Platform,
  query: HistoryQuery & { after?: number | undefined },
  signal: AbortSignal,
): AsyncGenerator<HistoryEntry> {
  const after = query.after ?? (await platform.history.size()) - 1
  for await (const logged of platform.history.tail(platform.accountId, { ...filterOf(query), after, signal }))
    yield* await entries(platform, [logged])
}

/** Types and nouns together narrow to what is in both. */
function filterOf({ projectId, nouns, types, actor, from, to }: HistoryQuery): HistoryFilter {
  const both = types?.length && nouns?.length
  const narrowed = both ? types.filter((type) => nouns.includes(nounOf(type))) : types
  return {
    ...(projectId === undefined ? {} : { projectId }),
    ...(nouns?.length ? { nouns } : {}),
    ...(types?.length ? { types: narrowed ?? [] } : {}),
    ...(actor === undefined ? {} : { actor }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  }
}
