import type { AnyEvent } from '@stewrd/core/catalog.ts'
import { describeEvent, eventTypes } from '@stewrd/core/catalog.ts'
import type { Noun } from '@stewrd/core/kernel/event.ts'
import { nouns } from '@stewrd/core/kernel/event.ts'
import type { Sentence } from '@stewrd/core/kernel/sentence.ts'
import { plain } from '@stewrd/core/kernel/sentence.ts'
import type { Entry } from '@stewrd/db/record.ts'
import type { ActorLabel } from '../auth/people.ts'
import { actorLabels } from '../auth/people.ts'
import type { Platform } from '../platform.ts'
import type { PublicData } from './public-data.ts'
import { publicData } from './public-data.ts'

/**
 * One row of the history. `index` is its place in the log of everything, `seq` (also called `revision`) its place in its stream.
 * `sentence` reads on from `actor.label`; `text` is the same as one line. `data` is null and `unreadable` a code when the stored
 * event cannot be opened. `at` is unix milliseconds.
 */
export type HistoryEntry = {
  index: number
  projectId: string
  stream: string
  seq: number
  revision: number
  noun: Noun
  type: AnyEvent['type']
  at: number
  actor: ActorLabel
  sentence: Sentence
  text: string
  data: PublicData[AnyEvent['type']] | null
  unreadable: string | null
}

export async function entries(platform: Platform, logged: readonly Entry[]): Promise<HistoryEntry[]> {
  const label = await actorLabels(
    platform.people,
    logged.map((l) => l.actor),
  )
  return logged.map((entry) => historyEntry(entry, label))
}

/** One row, without looking anything up. */
export function historyEntry(entry: Entry, label: (actor: string) => ActorLabel): HistoryEntry {
  const { index, projectId, stream, seq, at } = entry
  const actor = label(entry.actor)
  const readable = entry.unreadable === undefined ? entry.event : undefined
  const shredded = entry.unreadable === 'SHREDDED'
  const sentence = readable ? describeEvent(readable) : shredded ? shreddedSentence(entry) : unreadableSentence(entry)
  const type = entry.event.type as AnyEvent['type']
  return {
    index,
    projectId,
    stream,
    seq,
    revision: seq,
    noun: nounOf(type),
    type,
    at,
    actor,
    sentence,
    text: plain(sentence),
    data: readable ? publicData(readable) : null,
    unreadable: entry.unreadable ?? null,
  }
}

/** The noun whose event this is. */
export const nounOf = (type: string): Noun => nouns.find((noun) => eventTypes[noun].includes(type)) ?? 'projects'

const shreddedSentence = ({ event: { type } }: Entry): Sentence =>
  // It never had contents.
  type === 'ProjectShredded'
    ? describeEvent({ type, version: 1, data: {} })
    : ['made a change (', { value: type }, ') whose contents were shredded']

const unreadableSentence = ({ event, unreadable }: Entry): Sentence => [
  'made a change (',
  { value: event.type },
  ') that cannot be opened: ',
  { value: unreadable ?? 'unknown' },
]
