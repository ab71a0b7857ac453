import { nextDigest } from '@stewrd/crypto/chain.ts'
import type { Digest } from '@stewrd/crypto/digest.ts'
import { digest } from '@stewrd/crypto/digest.ts'
import { EVENT_FORMAT } from '@stewrd/crypto/envelope.ts'
import type { Places } from './copy-binary.ts'
import { int8, wholeMs } from './copy-binary.ts'
import type { LoggedRow } from './record.ts'

/** The columns of an event `e` as the chain hashes them, each behind its length, as `copy` sends them: but for the time, in microseconds. */
export const storedColumns = `
  '${EVENT_FORMAT}'::text, e.account_id::text, e.project_id::text, e.stream, e.seq, e.event_id::text, e.type, e.version::bigint, e.dek_id::text, e.at,
  e.actor, e.commitment, e.command_id, e.n::bigint, e.command_mac, e.envelope, e.chain`

/** An event in the bytes that its row came in: nothing is made of its fields unless it is asked for. */
export class StoredEvent {
  /** Another one under the same key. */
  next: StoredEvent | undefined = undefined
  readonly key: number
  readonly bytes: Buffer
  readonly header: number
  readonly account: number
  readonly project: number
  readonly streamAt: number
  readonly seqEnd: number
  readonly typeAt: number
  readonly typeEnd: number
  /** The event's time in unix milliseconds; undefined when it has a part of one, which none ever had. */
  readonly ms: number | undefined
  readonly seq: number
  readonly actor: number
  readonly actorEnd: number
  readonly headerEnd: number
  readonly envelopeAt: number
  readonly envelopeEnd: number
  readonly chainAt: number
  readonly chainEnd: number

  constructor(bytes: Buffer, at: Places) {
    this.bytes = bytes
    this.header = at[0]! - 4
    this.account = at[2]!
    this.project = at[4]!
    this.streamAt = at[6]!
    this.seqEnd = at[9]!
    this.typeAt = at[12]!
    this.typeEnd = at[13]!
    this.ms = msAt(bytes, at[18]!)
    this.seq = int8(bytes, at[8])
    this.actor = at[20]!
    this.actorEnd = at[21]!
    this.headerEnd = at[29]!
    this.envelopeAt = at[30]!
    this.envelopeEnd = at[31]!
    this.chainAt = at[32]!
    this.chainEnd = at[33]!
    this.key = keyOf(bytes, at[7]!)
  }

  get chain(): Digest {
    return this.bytes.toString('latin1', this.chainAt, this.chainEnd)
  }

  /** Equal for events of one stream. */
  get streamName(): string {
    return this.bytes.toString('latin1', this.account, this.seqEnd - 12)
  }

  get stream(): { accountId: string; stream: string } {
    const { bytes, account, project, streamAt, seqEnd } = this
    return {
      accountId: bytes.toString('latin1', account, project - 4),
      stream: bytes.toString('utf8', streamAt, seqEnd - 12),
    }
  }

  get projectId(): string {
    return this.bytes.toString('latin1', this.project, this.streamAt - 4)
  }

  /** Whether the stored chain is that of an event with these contents that follows one with the chain `previous`. */
  follows(previous: Digest | undefined): boolean {
    if (previous === undefined || this.ms === undefined) return false
    const header = digest(this.bytes.subarray(this.header, this.headerEnd))
    return nextDigest(previous, header, digest(this.envelope)) === this.chain
  }

  /** What its envelope is bound to. */
  get aad(): Buffer {
    return this.bytes.subarray(this.header, this.actorEnd)
  }

  get envelope(): Buffer {
    return this.bytes.subarray(this.envelopeAt, this.envelopeEnd)
  }

  get commitment(): Buffer {
    const at = this.actorEnd
    return this.bytes.subarray(at + 4, at + 4 + this.bytes.readInt32BE(at))
  }

  get dekId(): string {
    return this.bytes.toString('latin1', this.typeEnd + 16, this.typeEnd + 52)
  }

  get type(): string {
    return this.bytes.toString('utf8', this.typeAt, this.typeEnd)
  }

  get version(): number {
    return int8(this.bytes, this.typeEnd + 4)
  }

  get meta() {
    const { bytes, seq, ms: at = 0 } = this
    return {
      ...this.stream,
      projectId: this.projectId,
      seq,
      eventId: bytes.toString('latin1', this.seqEnd + 4, this.typeAt - 4),
      at,
      actor: bytes.toString('utf8', this.actor, this.actorEnd),
    }
  }

  /** The event as it is read elsewhere, to be opened. */
  row(idx: number, shredded: boolean): LoggedRow {
    const fields = fieldsFrom(this.bytes, this.header)
    const text = (i: number) => fields[i]!.toString()
    return {
      idx,
      account_id: text(1),
      project_id: text(2),
      stream: text(3),
      seq: int8(fields[4]!),
      event_id: text(5),
      type: text(6),
      version: int8(fields[7]!),
      dek_id: text(8),
      at: new Date(this.ms ?? 0),
      actor: text(10),
      commitment: fields[11]!,
      command_id: text(12),
      n: int8(fields[13]!),
      command_mac: fields[14]!,
      envelope: fields[15]!,
      chain: fields[16]!,
      shredded,
    }
  }
}

function fieldsFrom(bytes: Buffer, from: number): Buffer[] {
  const fields: Buffer[] = []
  for (let at = from; fields.length < 17; ) {
    const end = at + 4 + bytes.readInt32BE(at)
    fields.push(bytes.subarray(at + 4, end))
    at = end
  }
  return fields
}

/** A number for an event's stream and place in it, where the bytes of its stream end and are followed by the place: few have the same. */
export const keyOf = (bytes: Buffer, streamEnd: number): number =>
  bytes.readInt32BE(streamEnd - 4) ^
  Math.imul(bytes.readInt32BE(streamEnd - 8), 31) ^
  Math.imul(bytes.readInt32BE(streamEnd + 8), 0x9e3779b1)

/** Reads the time there, in microseconds, and writes what is hashed in its place: milliseconds. */
function msAt(bytes: Buffer, at: number): number | undefined {
  const ms = wholeMs(bytes, at)
  if (ms === undefined || ms < 0) return undefined
  bytes.writeUInt32BE(Math.floor(ms / 2 ** 32), at)
  bytes.writeUInt32BE(ms % 2 ** 32, at + 4)
  return ms
}
