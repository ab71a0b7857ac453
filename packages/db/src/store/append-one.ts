import type { Sql } from '../connect.ts'
import { runWithin } from '../db-error.ts'
import { scoped, scopeOf } from '../scope.ts'
import type { Unit } from './append.ts'
import { BinaryParameters } from './binary-values.ts'

/** More are rare, and each count of events is a statement of its own. */
const MOST_EVENTS = 4

/** A few events of one stream, without look-ups and tolls: most of what is ever appended, and what a person or a run waits for. */
export const isOneStream = (units: readonly Unit[]): units is readonly [Unit] =>
  units.length === 1 &&
  units[0]!.records.length <= MOST_EVENTS &&
  units[0]!.lookups.length === 0 &&
  !asksToll(units[0]!)

const asksToll = ({ credits, limits }: Unit) => credits.length > 0 || limits !== undefined

/** What `append` does, in a statement that is made for this case. False: nothing was written, and `append` tells why. */
export async function appendOne(sql: Sql, { id, from, to, guards, records, ...unit }: Unit): Promise<boolean> {
  const count = HEAD.length + records.length * EVENT.length + (guards.length > 0 ? 3 : 0)
  const values = new BinaryParameters(count, unit.snapshot.length + records.length * 1000 + 400)
  values.uuid(id.accountId).text(id.stream).uuid(id.projectId).bigint(to.seq).bytea(to.chain)
  values.bigint(from.seq).bytea(from.chain).int(unit.stateVersion).bytea(unit.snapshot).uuid(unit.snapshotDek)
  for (const { header: h, envelope, chain } of records) {
    values.bigint(h.seq).uuid(h.eventId).text(h.type).int(h.version).uuid(h.dekId).time(h.at).text(h.actor)
    values.bytea(h.commitment).text(h.commandId).int(h.n).bytea(h.commandMac).bytea(envelope).bytea(chain)
  }
  if (guards.length > 0)
    values
      .texts(guards.map((g) => g.stream))
      .bigints(guards.map((g) => g.revision))
      .int(guards.length)
  const text = textOf({ begins: from.seq === 0, guarded: guards.length > 0, events: records.length })
  const { count: placed } = await runWithin(scoped(sql.unsafe(text, values.parameters(), asPrepared), scopeOf(id)))
  return placed > 0
}

// Without `simple` the driver takes a statement without values of its own for a text of several.
const asPrepared = { prepare: true, simple: false }

type Shape = { begins: boolean; guarded: boolean; events: number }

const texts = new Map<string, string>()

// Each text is made once: to put one together, and to read what it consists of, took a tenth of the time of an append.
function textOf(shape: Shape): string {
  const name = `${shape.begins} ${shape.guarded} ${shape.events}`
  const known = texts.get(name)
  if (known !== undefined) return known
  const text = makeText(shape)
  texts.set(name, text)
  return text
}

const HEAD = ['uuid', 'text', 'uuid', 'bigint', 'bytea', 'bigint', 'bytea', 'int', 'bytea', 'uuid']
const EVENT = 'bigint uuid text int uuid timestamptz text bytea text int bytea bytea bytea'.split(' ')

/** The n-th parameter of the statement, from 1, and its type. */
const cast = (n: number, type: string) => `$${n}::${type}`

/**
 * A head that is known is swapped, any other one inserted: the swap of a row is half the work of an insert that may find one. A head that is gone,
 * or that belongs to another project, is neither, so that nothing is written.
 */
function makeText({ begins, guarded, events }: Shape): string {
  const first = (event: number) => HEAD.length + 1 + event * EVENT.length
  const each = Array.from({ length: events }, (_, event) => event)
  const head = begins
    ? `insert into heads as h (account_id, stream, project_id, seq, chain, from_seq, from_chain, state_version, snapshot, snapshot_dek)
      select ${HEAD.map((type, i) => cast(i + 1, type)).join(', ')} ${guarded ? 'from held' : ''}
      on conflict (account_id, stream) do update set
        seq = excluded.seq, chain = excluded.chain, from_seq = excluded.from_seq, from_chain = excluded.from_chain,
        state_version = excluded.state_version, snapshot = excluded.snapshot, snapshot_dek = excluded.snapshot_dek
        where h.seq = excluded.from_seq and h.chain = excluded.from_chain and h.project_id = excluded.project_id`
    : `update heads set seq = $4::bigint, chain = $5::bytea, from_seq = $6::bigint, from_chain = $7::bytea,
        state_version = $8::int, snapshot = $9::bytea, snapshot_dek = $10::uuid
      where account_id = $1::uuid and stream = $2::text and project_id = $3::uuid and seq = $6::bigint and chain = $7::bytea
        ${guarded ? 'and exists (select from held)' : ''}`
  const eventValues = each.map((event) => `(${EVENT.map((type, i) => cast(first(event) + i, type)).join(', ')})`)
  const places = each.map((event) => `(${cast(first(event), 'bigint')})`)
  return `
    with ${guarded ? `${heldGuards(first(events))},` : ''} head as (${head} returning 1
    ), recorded as (
      insert into events (account_id, stream, project_id, seq, event_id, type, version, dek_id, at, actor,
        commitment, command_id, n, command_mac, envelope, chain)
      select $1::uuid, $2::text, $3::uuid, e.* from head cross join (values ${eventValues.join(', ')}) e
    )
    insert into outbox (account_id, stream, seq)
    select $1::uuid, $2::text, e.seq
    from head cross join (values ${places.join(', ')}) e(seq) ${events > 1 ? 'order by e.seq' : ''}`
}

/** A row if every guarded head of the project is where it must be; each is share-locked to the end of the statement. `at`: the parameter of their streams. */
const heldGuards = (at: number) => `
    locked as materialized (
      select h.stream, h.seq from heads h
      where h.account_id = $1::uuid and h.project_id = $3::uuid and h.stream = any(${cast(at, 'text[]')})
      order by h.stream for share of h
    ), held as materialized (
      select from (
        select count(*) as held from unnest(${cast(at, 'text[]')}, ${cast(at + 1, 'bigint[]')}) as g(stream, revision)
        join locked l on l.stream = g.stream and l.seq = g.revision
      ) c where c.held = ${cast(at + 2, 'int')}
    )`
