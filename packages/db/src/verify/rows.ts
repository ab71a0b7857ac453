import { headerBytes } from '@stewrd/crypto/envelope.ts'
import { leafData } from '@stewrd/crypto/log-leaf.ts'
import { leafHash } from '@stewrd/crypto/merkle.ts'
import type { Tx } from '../connect.ts'
import type { Field } from '../copy-binary.ts'
import { bool, copyRows, int4, int8, wholeMs } from '../copy-binary.ts'
import type { LoggedRow } from '../record.ts'
import type { EventPlace } from './findings.ts'

/** A place of the log, or of the queue before it, with the event that it names, and what stands around that. Texts are made when asked for. */
export class Row {
  readonly #fields: Field[]
  /** Undefined for an event that waits for its place. */
  readonly index: number | undefined
  readonly seq: number

  constructor(fields: Field[]) {
    this.#fields = fields
    this.index = fields[0] ? int8(fields[0]) : undefined
    this.seq = int8(fields[3]!)
  }

  get place(): EventPlace {
    const [, account, stream] = this.#fields
    return {
      ...(this.index === undefined ? {} : { index: this.index }),
      accountId: account!.toString(),
      stream: stream!.toString(),
      seq: this.seq,
      ...(this.#fields[7] && { type: this.#fields[7].toString() }),
    }
  }

  /** The log's copies of the event's columns are those of the event. */
  get agrees(): boolean {
    return bool(this.#fields[4]!)
  }

  /** The envelope and the stored chain of the event; undefined: there is no such event. */
  get sealed(): { envelope: Buffer; chain: Buffer } | undefined {
    const [envelope, chain] = [this.#fields[16], this.#fields[17]]
    return envelope && chain ? { envelope, chain } : undefined
  }

  /** The chain of the event before it in its stream, if that is there. */
  get previous(): Field {
    return this.#fields[19] ?? null
  }

  /** The stored hash of this entry in the log's tree. */
  get leaf(): Field {
    return this.#fields[20] ?? null
  }

  /** The hash that this entry must have there. */
  leafHash(chain: Buffer): Buffer {
    const [, account, stream] = this.#fields
    return leafHash(leafData({ accountId: account!, stream: stream!, seq: this.seq, chain }))
  }

  /** The event's time in unix milliseconds; undefined when it has a part of one, which none ever had. */
  get at(): number | undefined {
    return wholeMs(this.#fields[10]!)
  }

  /** What the chain hashes of the event's columns; undefined when they cannot be an event's. `project`: that of the event, unless told. */
  header(project: Buffer = this.#fields[5]!): Buffer | undefined {
    const [, account, stream, , , , id, type, versionBytes, dek, , actor, commitment, command, nBytes, mac] =
      this.#fields
    const [at, version, n] = [this.at, int4(versionBytes!), int4(nBytes!)]
    if (at === undefined || ![this.seq, version, at, n].every(isCount)) return undefined
    return headerBytes({
      accountId: account!,
      projectId: project,
      stream: stream!,
      seq: this.seq,
      eventId: id!,
      type: type!,
      version,
      dekId: dek!,
      at,
      actor: actor!,
      commitment: commitment!,
      commandId: command!,
      n,
      commandMac: mac!,
    })
  }

  /** The event as it is read elsewhere, to be opened. */
  event(): LoggedRow {
    const [
      ,
      account,
      stream,
      ,
      ,
      project,
      id,
      type,
      version,
      dek,
      ,
      actor,
      commitment,
      command,
      n,
      mac,
      envelope,
      chain,
      gone,
    ] = this.#fields
    return {
      idx: this.index ?? -1,
      account_id: account!.toString(),
      stream: stream!.toString(),
      seq: this.seq,
      project_id: project!.toString(),
      event_id: id!.toString(),
      type: type!.toString(),
      version: int4(version!),
      dek_id: dek!.toString(),
      at: new Date(this.at ?? 0),
      actor: actor!.toString(),
      commitment: commitment!,
      command_id: command!.toString(),
      n: int4(n!),
      command_mac: mac!,
      envelope: envelope!,
      chain: chain!,
      shredded: bool(gone!),
    }
  }
}

const isCount = (n: number) => Number.isSafeInteger(n) && n >= 0

const columns = `
  s.idx, s.account_id::text, s.stream, s.seq,
  coalesce(s.project_id = e.project_id and s.type = e.type and s.actor = e.actor and s.at = e.at, true),
  e.project_id::text, e.event_id::text, e.type, e.version, e.dek_id::text, e.at, e.actor, e.commitment, e.command_id, e.n,
  e.command_mac, e.envelope, e.chain, d.project_id is not null, p.chain, t.hash`
const around = `
  left join events e on e.account_id = s.account_id and e.stream = s.stream and e.seq = s.seq
  left join events p on p.account_id = s.account_id and p.stream = s.stream and p.seq = s.seq - 1
  left join shredded_projects d on d.account_id = e.account_id and d.project_id = e.project_id
  left join tree_nodes t on t.level = 0::smallint and t.idx = s.idx`
const logged = ` log s`
const waiting = `
  (select null::bigint as idx, account_id, stream, seq, null::uuid as project_id, null::text as type, null::text as actor,
    null::timestamptz as at from outbox) s`

/** Everything that has a place in the log, in its order. */
export const loggedRows = (tx: Tx) => rows(tx, `select ${columns} from ${logged} ${around} order by s.idx`)
/** Everything that waits for its place. */
export const waitingRows = (tx: Tx) => rows(tx, `select ${columns} from ${waiting} ${around} order by s.stream, s.seq`)

async function* rows(tx: Tx, query: string): AsyncGenerator<Row[]> {
  for await (const batch of copyRows(tx, query)) yield batch.map((fields) => new Row(fields))
}
