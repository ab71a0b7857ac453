import { chainNext, GENESIS } from '@stewrd/crypto/chain.ts'
import type { EventPlace, FindingCode, Findings } from './findings.ts'
import { nameOf } from './findings.ts'
import type { Row } from './rows.ts'

/** Checks one event against its own bytes, the event before it, and what the log says of it: from ciphertext alone. True when all holds. */
export function checkEvent(row: Row, findings: Findings): boolean {
  const found = problemOf(row)
  if (found) findings.add(found.code, found.message, found)
  return found === undefined
}

type Problem = { code: FindingCode; message: string; event: EventPlace; index?: number | null }

function problemOf({ place, event, header, agrees, previous }: Row): Problem | undefined {
  const name = nameOf(place)
  if (!event)
    return { code: 'EVENT_MISSING', message: `The log names ${name}, and there is no such event.`, event: place }
  if (place.seq > 1 && !previous) {
    const before = { accountId: place.accountId, stream: place.stream, seq: place.seq - 1 }
    const message = `${sentence(nameOf(before))}, which ${name} follows, is missing.`
    return { code: 'EVENT_MISSING', message, event: before, index: place.index ?? null }
  }
  const expected = header && chainNext(place.seq === 1 ? GENESIS : previous!, header, event.envelope)
  if (!expected?.equals(event.chain)) {
    const message = `${sentence(name)} is not what was appended: its hash does not follow from its contents and the event before it.`
    return { code: 'EVENT_CHANGED', message, event: place }
  }
  if (agrees) return undefined
  const message = `The log says another project, type, actor or time of ${name} than the event does.`
  return { code: 'LOG_DIFFERS', message, event: place }
}

export const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)
