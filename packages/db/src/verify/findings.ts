import type { ForeignEvent } from '../foreign-events.ts'
import { foreignSentence } from '../foreign-events.ts'

/** Where something is wrong: an event by its stream and place in it, and by its index in the log where it has one. */
export type EventPlace = { index?: number; accountId: string; stream: string; seq: number; type?: string }

export type FindingCode =
  | 'EVENT_CHANGED'
  | 'EVENT_MISSING'
  | 'EVENT_NOT_LOGGED'
  | 'EVENT_UNREADABLE'
  | 'LOG_HOLE'
  | 'LOG_DIFFERS'
  | 'LOG_SHRANK'
  | 'HEAD_WRONG'
  | 'SNAPSHOT_WRONG'
  | 'TREE_WRONG'
  | 'CHECKPOINT_WRONG'
  | 'SHRED_UNRECORDED'
  | 'EVENT_FOREIGN'

/** One thing that is not what it must be. The message is for people, and names the event; it holds no payload. */
export type Finding = { code: FindingCode; message: string; index: number | null; event: EventPlace | null }

const KEPT = 20

/** What was found wrong: the count of all, and the first ones by their place in the log. */
export class Findings {
  #all: Finding[] = []
  count = 0
  /** Events that were recorded under another project than their stream's, which is not wrong by itself. */
  readonly foreign: ForeignEvent[] = []

  add(code: FindingCode, message: string, at: { index?: number | null; event?: EventPlace } = {}): void {
    this.count += 1
    const { event = null } = at
    this.#all.push({ code, message, index: at.index ?? event?.index ?? null, event })
    if (this.#all.length >= KEPT * 10) this.#all = this.first()
  }

  /** In the order of the log; what has no place in it comes last. */
  first(): Finding[] {
    const place = ({ index }: Finding) => index ?? Number.POSITIVE_INFINITY
    return this.#all.toSorted((a, b) => place(a) - place(b) || 0).slice(0, KEPT)
  }
}

/** Those by their place in the log; what has none comes last. */
export function foreignFindings(events: readonly ForeignEvent[]): Finding[] {
  const place = ({ index }: ForeignEvent) => index ?? Number.POSITIVE_INFINITY
  return events
    .toSorted((a, b) => place(a) - place(b) || 0)
    .slice(0, KEPT)
    .map((one) => {
      const { index, accountId, stream, seq, type } = one
      const event = { ...(index !== null && { index }), accountId, stream, seq, type }
      return { code: 'EVENT_FOREIGN', message: foreignSentence(one), index, event }
    })
}

/** "event 3 of llm:… (KeyRotated, 1,204 in the log)". */
export function nameOf({ index, stream, seq, type }: EventPlace): string {
  const details = [type, index === undefined ? undefined : `entry ${index} of the log`].filter(Boolean)
  return `event ${seq} of ${stream}${details.length > 0 ? ` (${details.join(', ')})` : ''}`
}
