import { nextDigest } from '@stewrd/crypto/chain.ts'
import type { Digest } from '@stewrd/crypto/digest.ts'
import { digest, isDigest } from '@stewrd/crypto/digest.ts'
import { EVENT_FORMAT } from '@stewrd/crypto/envelope.ts'
import type { Places } from './copy-binary.ts'
import { int4, int8, putInt4, wholeMs } from './copy-binary.ts'
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
  readonly seq: number
  readonly bytes: Buffer
  readonly #at: Places
  readonly #from: number
  readonly #timed: boolean

  constructor(bytes: Buffer, at: Places, from = 0) {
    this.bytes = bytes
    this.#at = at
    this.#from = from
    this.#timed = writeMs(bytes, at[from + 18]!)
    this.seq = int8(bytes, at[from + 8])
    this.key = keyOf(bytes, at[from + 7]!)
  }

  /** Where the i-th column begins, and where it ends. */
  startOf(i: number): number {
    return this.#at[this.#from + 2 * i]!
  }
  endOf(i: number): number {
    return this.#at[this.#from + 2 * i + 1]!
  }

  /** The event's time in unix milliseconds; undefined when it has a part of one, which none ever had. */
  get ms(): number | undefined {
    return this.#timed ? int8(this.bytes, this.startOf(9)) : undefined
  }

  get chain(): Digest {
    return this.#latin1(16)
  }

  /** Where the bytes of its stream's name begin, and where those of its place there end. */
  get streamAt(): number {
    return this.startOf(3)
  }
  get seqEnd(): number {
    return this.endOf(4)
  }

  /** Equal for events of one stream. */
  get streamName(): string {
    return this.bytes.toString('latin1', this.startOf(1), this.endOf(3))
  }

  get stream(): { accountId: string; stream: string } {
    return { accountId: this.#latin1(1), stream: this.#text(3) }
  }

  get projectId(): string {
    return this.#latin1(2)
  }

  /** Makes it an event of another project, as long as the id has the length of the one before. */
  setProject(projectId: string): void {
    if (projectId.length === this.endOf(2) - this.startOf(2)) this.bytes.write(projectId, this.startOf(2), 'latin1')
  }

  /** Its chain, if the stored one is that of an event with these contents that follows one with the chain `previous`. */
  following(previous: Digest | undefined): Digest | undefined {
    if (previous === undefined || !this.#timed) return undefined
    const header = digest(this.bytes.subarray(this.startOf(0) - 4, this.endOf(14)))
    const computed = nextDigest(previous, header, digest(this.envelope))
    return isDigest(computed, this.bytes, this.startOf(16), this.endOf(16)) ? computed : undefined
  }

  /** What its envelope is bound to. */
  get aad(): Buffer {
    return this.bytes.subarray(this.startOf(0) - 4, this.endOf(10))
  }

  get envelope(): Buffer {
    return this.#field(15)
  }

  get commitment(): Buffer {
    return this.#field(11)
  }

  get dekId(): string {
    return this.#latin1(8)
  }

  get type(): string {
    return this.#text(6)
  }

  get version(): number {
    return int8(this.bytes, this.startOf(7))
  }

  get meta() {
    const { seq, ms: at = 0 } = this
    return { ...this.stream, projectId: this.projectId, seq, eventId: this.#latin1(5), at, actor: this.#text(10) }
  }

  /** The event as it is read elsewhere, to be opened. */
  row(idx: number, shredded: boolean): LoggedRow {
    return {
      idx,
      account_id: this.#text(1),
      project_id: this.#text(2),
      stream: this.#text(3),
      seq: this.seq,
      event_id: this.#text(5),
      type: this.type,
      version: this.version,
      dek_id: this.#text(8),
      at: new Date(this.ms ?? 0),
      actor: this.#text(10),
      commitment: this.commitment,
      command_id: this.#text(12),
      n: int8(this.#field(13)),
      command_mac: this.#field(14),
      envelope: this.envelope,
      chain: this.#field(16),
      shredded,
    }
  }

  #field(i: number): Buffer {
    return this.bytes.subarray(this.startOf(i), this.endOf(i))
  }
  #text(i: number): string {
    return this.bytes.toString('utf8', this.startOf(i), this.endOf(i))
  }
  #latin1(i: number): string {
    return this.bytes.toString('latin1', this.startOf(i), this.endOf(i))
  }
}

/** A number for an event's stream and place in it, where the bytes of its stream end and are followed by the place: few have the same. */
export const keyOf = (bytes: Buffer, streamEnd: number): number =>
  int4(bytes, streamEnd - 4) ^
  Math.imul(int4(bytes, streamEnd - 8), 31) ^
  Math.imul(int4(bytes, streamEnd + 8), 0x9e3779b1)

/** Reads the time there, in microseconds, and writes what is hashed in its place: milliseconds. False for a time that no event has. */
function writeMs(bytes: Buffer, at: number): boolean {
  const ms = wholeMs(bytes, at)
  if (ms === undefined || ms < 0) return false
  putInt4(bytes, at, Math.floor(ms / 2 ** 32))
  putInt4(bytes, at + 4, ms)
  return true
}
