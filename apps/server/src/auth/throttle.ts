import { createHmac } from 'node:crypto'
import type { Sql } from '@stewrd/db/connect.ts'
import { runWithin } from '@stewrd/db/db-error.ts'
import ipaddr from 'ipaddr.js'

/**
 * What an attempt with a password comes from. `sign-in`: somebody who names an e-mail address, from a network address, perhaps on a
 * device (`device`) on which this person signed in before. `session`: somebody who is signed in confirms the password.
 */
export type Attempt =
  | { kind: 'sign-in'; email: string; address: string; device: string | undefined }
  | { kind: 'session'; sessionId: string }

/** `free` attempts at once, then one each `spacing` seconds as long as there were fewer than `most`; `perHour` of them are forgotten. */
type Rule = { free: number; spacing: number; most: number; perHour: number }
/** A database that leaves this without an answer is an outage, said within five seconds. */
const ANSWER_MS = 4_000
type Bucket = { kind: keyof typeof rules; key: string; alternative: number }

const guesses: Rule = { free: 15, spacing: 30, most: 25, perHour: 30 }
const rules = {
  session: guesses,
  device: guesses,
  person: guesses,
  /** One person from one address: the first attempt in an hour passes whatever strangers do elsewhere. */
  'person-address': { free: 1, spacing: 3600, most: 1, perHour: 0.8 },
  /** So many addresses an hour have such a first attempt with one person. */
  'person-addresses': { free: 300, spacing: 0, most: 300, perHour: 300 },
  /** All persons from one address: as many people may share it. */
  address: { free: 100, spacing: 0, most: 100, perHour: 1200 },
} as const satisfies Record<string, Rule>

/**
 * Slows the guessing of passwords, on all nodes together: counts are rows of the database, and their number is bounded. A stranger uses
 * up a stranger's attempts, never those of a device on which the person signed in before.
 */
export class Throttle {
  readonly #sql: Sql
  readonly #secret: string

  constructor(sql: Sql, secret: string) {
    this.#sql = sql
    this.#secret = secret
  }

  /** Counts the attempt as failed, before the password is looked at. Returns the seconds to wait instead when it may not be made now. */
  async admit(attempt: Attempt): Promise<number> {
    const [buckets, sql] = [bucketsOf(attempt), this.#sql]
    const of = (field: keyof Rule) => buckets.map(({ kind }) => rules[kind][field])
    const [row] = await runWithin(
      sql<{ wait: number }[]>`
      select auth_admit(
        ${buckets.map(({ kind }) => kind)}::text[], ${this.#slots(buckets)}::int[],
        ${buckets.map(({ alternative }) => alternative)}::int[],
        ${of('free')}::float8[], ${of('spacing')}::float8[], ${of('most')}::float8[], ${of('perHour')}::float8[]) as wait`,
      ANSWER_MS,
    )
    return Math.ceil(row!.wait)
  }

  /** The attempt did not fail: what it was counted as is taken back. */
  async takeBack(attempt: Attempt): Promise<void> {
    const [buckets, sql] = [bucketsOf(attempt), this.#sql]
    await runWithin(
      sql`
      update auth_throttle t set level = case when t.kind = any(${own}::text[]) then 0 else greatest(0, t.level - 1) end
      from unnest(${buckets.map(({ kind }) => kind)}::text[], ${this.#slots(buckets)}::int[]) as b(kind, slot)
      where t.kind = b.kind and t.slot = b.slot`,
      ANSWER_MS,
    )
  }

  /** 16 bits of a keyed hash: rows are bounded, and two keys may share one. */
  #slots(buckets: readonly Bucket[]): number[] {
    return buckets.map(({ kind, key }) =>
      createHmac('sha256', this.#secret).update(`throttle\0${kind}\0${key}`).digest().readUInt16BE(),
    )
  }
}

/** Nobody but the person who was right is counted in these. */
const own: (keyof typeof rules)[] = ['session', 'device', 'person-address']

function bucketsOf(attempt: Attempt): Bucket[] {
  if (attempt.kind === 'session') return [{ kind: 'session', key: attempt.sessionId, alternative: 0 }]
  const { email, device } = attempt
  const person = email.toLowerCase()
  if (device !== undefined) return [{ kind: 'device', key: `${device}\0${person}`, alternative: 0 }]
  const address = networkOf(attempt.address)
  return [
    { kind: 'address', key: address, alternative: 0 },
    { kind: 'person', key: person, alternative: 1 },
    { kind: 'person-address', key: `${person}\0${address}`, alternative: 2 },
    { kind: 'person-addresses', key: person, alternative: 2 },
  ]
}

/** An IPv4 address, or the first half of an IPv6 address: whoever has one of the latter has all addresses under it. */
export function networkOf(text: string): string {
  if (!ipaddr.isValid(text)) return text
  const address = ipaddr.process(text)
  if (address instanceof ipaddr.IPv4) return address.toString()
  return Buffer.from(address.toByteArray().slice(0, 8)).toString('hex')
}
