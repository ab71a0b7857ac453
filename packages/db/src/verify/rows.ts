import { headerBytes } from '@stewrd/crypto/envelope.ts'
import type { Tx } from '../connect.ts'
import type { Field } from '../copy-binary.ts'
import { bool, copyRows, int4, int8, wholeMs } from '../copy-binary.ts'
import type { LoggedRow } from '../record.ts'
import type { EventPlace } from './findings.ts'

/** A place of the log, or of the queue before it, with the event that it names, and what stands around that. */
export type Row = {
  /** Undefined for an event that waits for its place. */
  index: number | undefined
  place: EventPlace
  /** Undefined: there is no such event. */
  event: LoggedRow | undefined
  header: Buffer | undefined
  /** The log's copies of the event's columns are those of the event. */
  agrees: boolean
  /** The chain of the event before it in its stream, if that is there. */
  previous: Field
  /** The stored hash of this entry in the log's tree. */
  leaf: Field
}

const columns = `
  s.idx, s.account_id::text, s.stream, s.seq,
  coalesce(s.plain = row(e.project_id, e.type, e.actor, e.at)::text, true),
  e.project_id::text, e.event_id::text, e.type, e.version, e.dek_id::text, e.at, e.actor, e.commitment, e.command_id, e.n,
  e.command_mac, e.envelope, e.chain, d.project_id is not null, p.chain, t.hash`
const around = `
  left join events e on e.account_id = s.account_id and e.stream = s.stream and e.seq = s.seq
  left join events p on p.account_id = s.account_id and p.stream = s.stream and p.seq = s.seq - 1
  left join shredded_projects d on d.account_id = e.account_id and d.project_id = e.project_id
  left join tree_nodes t on t.level = 0::smallint and t.idx = s.idx`
const logged = `
  (select idx, account_id, stream, seq, row(project_id, type, actor, at)::text as plain from log) s`
const waiting = `
  (select null::bigint as idx, account_id, stream, seq, null::text as plain from outbox) s`

/** Everything that has a place in the log, in its order. */
export const loggedRows = (tx: Tx) => rows(tx, `select ${columns} from ${logged} ${around} order by s.idx`)
/** Everything that waits for its place. */
export const waitingRows = (tx: Tx) => rows(tx, `select ${columns} from ${waiting} ${around} order by s.stream, s.seq`)

async function* rows(tx: Tx, query: string): AsyncGenerator<Row[]> {
  for await (const batch of copyRows(tx, query)) yield batch.map(rowOf)
}

function rowOf([idx, account, name, seq, agrees, ...event]: Field[]): Row {
  const index = idx ? int8(idx) : undefined
  const place: EventPlace = {
    ...(index === undefined ? {} : { index }),
    accountId: account!.toString(),
    stream: name!.toString(),
    seq: int8(seq!),
  }
  const [previous = null, leaf = null] = event.slice(-2)
  const found = eventOf(place, event)
  if (found) place.type = found.row.type
  return { index, place, event: found?.row, header: found?.header, agrees: bool(agrees!), previous, leaf }
}

/** The event with the bytes of its header. Without header: its time is no whole millisecond, which none ever was. */
function eventOf({ accountId, stream, seq, index }: EventPlace, fields: Field[]) {
  const [project, id, type, version, dek, at, actor, commitment, commandId, n, mac, envelope, chain, shredded] = fields
  if (!chain) return undefined
  const ms = wholeMs(at!)
  const row: LoggedRow = {
    idx: index ?? -1,
    account_id: accountId,
    stream,
    seq,
    project_id: project!.toString(),
    event_id: id!.toString(),
    type: type!.toString(),
    version: int4(version!),
    dek_id: dek!.toString(),
    at: new Date(ms ?? 0),
    actor: actor!.toString(),
    commitment: commitment!,
    command_id: commandId!.toString(),
    n: int4(n!),
    command_mac: mac!,
    envelope: envelope!,
    chain,
    shredded: bool(shredded!),
  }
  if (ms === undefined || row.version < 0 || row.n < 0) return { row, header: undefined }
  const header = headerBytes({
    accountId,
    projectId: row.project_id,
    stream,
    seq,
    eventId: row.event_id,
    type: row.type,
    version: row.version,
    dekId: row.dek_id,
    at: ms,
    actor: row.actor,
    commitment: row.commitment,
    commandId: row.command_id,
    n: row.n,
    commandMac: row.command_mac,
  })
  return { row, header }
}
