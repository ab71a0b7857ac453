import { GENESIS } from '@stewrd/crypto/chain.ts'
import type { SnapshotAad } from '@stewrd/crypto/snapshot.ts'
import type { Tx } from '../connect.ts'
import type { Field } from '../copy-binary.ts'
import { bool, copyRows, int4, int8 } from '../copy-binary.ts'
import { run } from '../db-error.ts'
import type { EventPlace, Findings } from './findings.ts'
import { nameOf } from './findings.ts'

/** The sealed state of a stream, as its head holds it. */
export type StoredSnapshot = SnapshotAad & { sealed: Buffer }
/** Why a snapshot does not open; undefined when it does. `lastDekId`: the data key of the event after which it was sealed. */
export type OpenSnapshot = (snapshot: StoredSnapshot, lastDekId: string) => Promise<string | undefined>

const query = `
  select h.account_id::text, h.stream, h.project_id::text, h.seq, h.chain, h.from_seq, h.from_chain, h.state_version,
    h.snapshot, h.snapshot_dek::text, coalesce(b.project_id = h.project_id, false), e.chain, f.chain, d.project_id is not null, e.dek_id::text
  from heads h
  left join events e on e.account_id = h.account_id and e.stream = h.stream and e.seq = h.seq
  left join events b on b.account_id = h.account_id and b.stream = h.stream and b.seq = 1
  left join events f on f.account_id = h.account_id and f.stream = h.stream and f.seq = h.from_seq
  left join shredded_projects d on d.account_id = h.account_id and d.project_id = h.project_id`

/** Checks that each stream ends where its head says, with the state that was sealed then. */
export async function checkHeads(
  tx: Tx,
  open: OpenSnapshot,
  findings: Findings,
  onRows: (count: number) => void,
): Promise<void> {
  for await (const rows of copyRows(tx, query)) {
    for (const row of rows) await checkHead(row, open, findings)
    onRows(rows.length)
  }
}

async function checkHead(fields: Field[], open: OpenSnapshot, findings: Findings): Promise<void> {
  const [
    account,
    name,
    project,
    seqBytes,
    chain,
    fromSeqBytes,
    fromChain,
    version,
    sealed,
    dek,
    ownProject,
    last,
    from,
    shredded,
    lastDek,
  ] = fields
  const place = { accountId: account!.toString(), stream: name!.toString(), seq: int8(seqBytes!) }
  const projectId = project!.toString()
  const fromSeq = int8(fromSeqBytes!)
  const stateVersion = int4(version!)
  if (place.seq === 0) {
    const bare = !sealed && !dek && stateVersion === 0 && place.stream.endsWith(`:${projectId}`) && fromSeq === 0
    if (bare && GENESIS.equals(chain!) && GENESIS.equals(fromChain!)) return
    return wrong(findings, place, 'says that it has no event yet, and is not what such a stream begins with')
  }
  if (!last) return wrong(findings, place, 'names an event that is missing')
  if (!last.equals(chain!)) return wrong(findings, place, 'differs from that event')
  if (!bool(ownProject!)) return wrong(findings, place, 'names another project than the first event of the stream')
  const before = fromSeq === 0 ? GENESIS : from
  if (fromSeq >= place.seq || !before?.equals(fromChain!))
    return wrong(findings, place, 'says that it was appended to another place than it was')
  // What a stream's state was is destroyed with its project.
  if (bool(shredded!)) return
  const why =
    sealed && dek
      ? await open({ ...place, projectId, stateVersion, dekId: dek.toString(), sealed }, lastDek!.toString())
      : 'it is missing'
  if (why !== undefined)
    findings.add('SNAPSHOT_WRONG', `The sealed state after ${nameOf(place)} cannot be used: ${why}.`, { event: place })
}

const wrong = (findings: Findings, place: EventPlace, why: string) =>
  findings.add('HEAD_WRONG', `The head of ${place.stream}, at event ${place.seq}, ${why}.`, { event: place })

type Loose = { account_id: string; stream: string; seq: number; type: string; head: number | null; logged: boolean }

/** Events that no head covers, and events that are neither in the log nor on their way there. */
export async function checkBeyondHeads(tx: Tx, findings: Findings): Promise<void> {
  const loose = await run(tx<Loose[]>`
    select e.account_id, e.stream, e.seq, e.type, h.seq as head, l.idx is not null or o.id is not null as logged
    from events e
    left join heads h on h.account_id = e.account_id and h.stream = e.stream
    left join log l on l.account_id = e.account_id and l.stream = e.stream and l.seq = e.seq
    left join outbox o on o.account_id = e.account_id and o.stream = e.stream and o.seq = e.seq
    where h.seq is null or e.seq > h.seq or (l.idx is null and o.id is null) or (l.idx is not null and o.id is not null)
    limit 1000`)
  for (const { account_id, stream, seq, type, head, logged } of loose) {
    const event = { accountId: account_id, stream, seq, type }
    if (head === null || seq > head)
      findings.add(
        'HEAD_WRONG',
        `The head of ${stream} ${head === null ? 'is missing' : `is at ${head}`}, and there is ${nameOf(event)}.`,
        { event },
      )
    else if (logged)
      findings.add('LOG_DIFFERS', `${nameOf(event)} waits for a place in the log, and has one.`, { event })
    else findings.add('EVENT_NOT_LOGGED', `There is ${nameOf(event)}, and the log does not name it.`, { event })
  }
}

/** A project is only shredded where its history says so: otherwise somebody made it unreadable. */
export async function checkShreddings(tx: Tx, findings: Findings): Promise<void> {
  const unrecorded = await run(tx<{ account_id: string; project_id: string }[]>`
    select s.account_id, s.project_id from shredded_projects s
    where not exists (
      select from events e
      where e.account_id = s.account_id and e.stream = 'project:' || s.project_id and e.type = 'ProjectShredded')`)
  for (const { project_id } of unrecorded)
    findings.add(
      'SHRED_UNRECORDED',
      `The project ${project_id} is marked as shredded, and its history does not say that it was.`,
    )
}
