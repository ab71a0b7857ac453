import { chainNext, GENESIS } from '@stewrd/crypto/chain.ts'
import type { Sql } from '../connect.ts'
import { sealedElsewhere } from '../foreign-events.ts'
import type { LoggedRow, UnreadableCode } from '../record.ts'
import type { EventPlace, FindingCode, Findings } from './findings.ts'
import { nameOf } from './findings.ts'
import type { Row } from './rows.ts'

type Openable = Pick<Row, 'event'>

/**
 * Checks one event against its own bytes, the event before it, and what the log says of it: from ciphertext alone. Returns it as it is to be
 * opened when all holds. One that was recorded under another project than its stream's is no finding, but a foreign event.
 */
export async function checkEvent(sql: Sql, row: Row, findings: Findings): Promise<Openable | undefined> {
  const found = problemOf(row)
  if (!found) return row
  const event = found.code === 'EVENT_CHANGED' ? await asSealed(sql, row) : undefined
  if (!event) {
    findings.add(found.code, found.message, found)
    return undefined
  }
  const { index, place } = row
  findings.foreign.push({
    index: index ?? null,
    accountId: place.accountId,
    stream: place.stream,
    seq: place.seq,
    type: event.type,
    recordedUnder: event.project_id,
    owner: row.event().project_id,
  })
  return { event: () => event }
}

/** The event with the project that it was sealed under, if with that it is what was appended. */
async function asSealed(sql: Sql, row: Row): Promise<LoggedRow | undefined> {
  if (!row.agrees || !row.sealed || !row.previous) return undefined
  const event = row.event()
  const { account_id: accountId, stream, seq, project_id: projectId, dek_id: dekId } = event
  const under = await sealedElsewhere(sql, { accountId, stream, seq, projectId, dekId })
  const header = under && row.header(Buffer.from(under.projectId))
  const holds = header && chainNext(row.previous, header, row.sealed.envelope).equals(row.sealed.chain)
  return holds ? { ...event, project_id: under.projectId, shredded: under.shredded } : undefined
}

type Problem = { code: FindingCode; message: string; event: EventPlace; index?: number | null }

function problemOf(row: Row): Problem | undefined {
  const { sealed, seq, previous } = row
  if (!sealed) return problem('EVENT_MISSING', row, (name) => `The log names ${name}, and there is no such event.`)
  if (seq > 1 && !previous) {
    const { accountId, stream, index = null } = row.place
    const event = { accountId, stream, seq: seq - 1 }
    const message = `${sentence(nameOf(event))}, which ${nameOf(row.place)} follows, is missing.`
    return { code: 'EVENT_MISSING', message, event, index }
  }
  const header = row.header()
  const expected = header && chainNext(seq === 1 ? GENESIS : previous!, header, sealed.envelope)
  if (!expected?.equals(sealed.chain))
    return problem(
      'EVENT_CHANGED',
      row,
      (name) =>
        `${sentence(name)} is not what was appended: its hash does not follow from its contents and the event before it.`,
    )
  if (row.agrees) return undefined
  return problem(
    'LOG_DIFFERS',
    row,
    (name) => `The log says another project, type, actor or time of ${name} than the event does.`,
  )
}

const problem = (code: FindingCode, { place }: Row, message: (name: string) => string): Problem => ({
  code,
  message: message(nameOf(place)),
  event: place,
})

export const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)

/** One that a newer program wrote opens all the same, and of a shredded project nothing does. */
export const isSound = (unreadable: UnreadableCode | undefined) =>
  unreadable === undefined || unreadable === 'EVENT_UNKNOWN' || unreadable === 'SHREDDED'
