import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { History, Table } from './verify.testing.ts'
import { makeHistory, tables } from './verify.testing.ts'

let history: History
beforeAll(async () => {
  history = await makeHistory()
})
afterAll(() => history?.close())
afterEach(() => history.putBack())

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

test.each([
  ['is still to come', 0, 400 * DAY_MS],
  ['is over', -DAY_MS, -HOUR_MS],
  ['lies far behind', 0, -400 * DAY_MS],
])(
  'a history of nodes whose clocks differed is verified, when the time of the one that was off %s',
  async (_, us, them) => {
    const odd = await makeHistory({ clock: () => Date.now() + us, clockOfOther: () => Date.now() + them })
    // Checkpoints used to be stored with the database's time, whatever their entries said.
    await odd.owner`update checkpoints set at = now() + ${us}::double precision * interval '1 millisecond'`
    expect(await odd.verify()).toMatchObject({ wrong: 0, findings: [], closer: false, checkpoint: { size: 21 } })
    // One that lies before its entries is found all the same.
    await odd.owner`update checkpoints set at = at - interval '1 hour' where size = 21`
    expect(await odd.verify()).toMatchObject({ wrong: 1, findings: [{ code: 'CHECKPOINT_WRONG', index: 20 }] })
    await odd.close()
  },
)

test('a checkpoint is stored with no time before its last entry or the checkpoint before it, also when a clock was set back', async () => {
  const odd = await makeHistory({ clock: () => Date.now() + HOUR_MS })
  const times = await odd.owner<{ at: Date }[]>`select at from checkpoints order by size`
  const [last] = await odd.owner<{ at: Date }[]>`select at from log order by idx desc limit 1`
  expect(times).toEqual(times.toSorted((a, b) => a.at.getTime() - b.at.getTime()))
  expect(times.at(-1)!.at.getTime()).toBeGreaterThanOrEqual(last!.at.getTime())
  expect(await odd.verify()).toMatchObject({ wrong: 0, closer: false })
  await odd.close()
})

/** Columns that say nothing of the history: who may write just now, and what the signer raises again by itself. */
const notHistory: Partial<Record<Table, readonly string[]>> = {
  log_state: ['one', 'epoch', 'holder', 'expires_at'],
  tree_state: ['one', 'alarm', 'alarm_at'],
  outbox: ['id'],
}
/** The row that is edited, which is in the middle of everything. */
const rows: Record<Table, string> = {
  events: 'seq = 3 and stream = (select stream from log where idx = 12)',
  heads: 'snapshot is not null and stream = (select stream from log where idx = 12)',
  log: 'idx = 12',
  log_state: 'true',
  tree_nodes: 'level = 0 and idx = 12',
  tree_state: 'true',
  checkpoints: 'size = 10',
  outbox: 'id = (select min(id) from outbox)',
}

const columnsOf = (table: Table) => history.owner<{ name: string; type: string }[]>`
  select column_name as name, udt_name as type from information_schema.columns
  where table_schema = 'public' and table_name = ${table} order by ordinal_position`

/** Other values of a type: near ones, which are the hardest to see. */
const edits: Record<string, (column: string) => string[]> = {
  uuid: () => ['gen_random_uuid()'],
  text: (c) => [`${c} || 'x'`, `left(${c}, -1)`],
  int2: (c) => [`${c} + 1`],
  int4: (c) => [`${c} + 1`],
  int8: (c) => [`${c} + 1`, `${c} - 1`, `${c} + 1000`],
  bytea: (c) => [
    `set_byte(${c}, octet_length(${c}) - 1, get_byte(${c}, octet_length(${c}) - 1) # 1)`,
    `${c} || '\\x00'`,
  ],
  timestamptz: (c) => [`${c} + interval '1 microsecond'`, `${c} + interval '1 millisecond'`, `${c} - interval '1 day'`],
}
/** The clock of the database signs no checkpoint: what is near cannot be told from it. */
const far = (column: string) => [`${column} + interval '1 hour'`, `${column} - interval '1 hour'`]

/** Edits that the tables themselves refuse (a key that is taken, a check) never happened. */
async function edited(statement: string): Promise<boolean> {
  try {
    const { count } = await history.owner.unsafe(statement)
    return count > 0
  } catch (error) {
    const { code } = error as { code?: string }
    if (code?.startsWith('23')) return false
    throw error
  }
}

test('an untouched history is verified, to its last entry and checkpoint, with everything opened', async () => {
  const progress: number[] = []
  const verified = await history.verify({ onProgress: ({ done, total }) => progress.push(done / total) })
  expect(verified).toMatchObject({ size: 20, waiting: 5, hashed: 20, checkpoint: { size: 20 }, wrong: 0, findings: [] })
  expect(verified).toMatchObject({ streams: 6, opened: 30, closer: false })
  expect(progress[0]).toBe(0)
  expect(progress.at(-1)).toBe(1)
  expect(progress).toEqual(progress.toSorted((a, b) => a - b))
})

describe.each(tables)('%s', (table) => {
  test('every column of a row is covered: an edit is found, and its event named', async () => {
    const columns = await columnsOf(table)
    expect(columns.length).toBeGreaterThan(0)
    let found = 0
    for (const { name, type } of columns) {
      if (notHistory[table]?.includes(name)) continue
      const values = table === 'checkpoints' && name === 'at' ? far(name) : edits[type]?.(name)
      if (!values) throw new Error(`Say how a ${type} is edited.`)
      for (const value of values) {
        if (!(await edited(`update ${table} set ${name} = ${value} where ${rows[table]}`))) continue
        const { wrong, findings } = await history.verify()
        expect(wrong, `${table}.${name} = ${value}`).toBeGreaterThan(0)
        expect(findings[0]!.message, `${table}.${name} = ${value}`).toMatch(named[table])
        found += 1
        await history.putBack()
      }
    }
    expect(found).toBeGreaterThanOrEqual(columns.length - (notHistory[table]?.length ?? 0))
  })

  test('a row that is missing is found', async () => {
    const row = table === 'checkpoints' ? 'size = 20' : rows[table]
    if (table === 'log_state' || table === 'tree_state') return
    expect(await edited(`delete from ${table} where ${row}`)).toBe(true)
    const { wrong, findings } = await history.verify()
    expect(wrong).toBeGreaterThan(0)
    expect(findings[0]!.message).toMatch(named[table])
  })
})

/** How the first finding names what was edited. */
const named: Record<Table, RegExp> = {
  events: /[Ee]vent 3 of project:[-0-9a-fx]+/,
  heads: /^The (head of|sealed state after event \d+ of) project:[-0-9a-fx]+|[Ee]vent \d of project:/,
  log: /event \d+ of \S+ \(.*entry 1[0-3] of the log\)|Entry 12 of the log|Entries 12 to \d+ of the log|[Ee]vent 3 of project:/,
  log_state: /The log has 20 entries, and says that it has/,
  tree_nodes: /event 3 of project:\S+ \(ProjectRenamed, entry 12 of the log\)|level 0, place 12|level 1, place 12/,
  tree_state: /tree/,
  checkpoints: /checkpoint of \d+ /,
  outbox: /event \d+ of /,
}

const expectFound = async (statement: string, message: RegExp) => {
  expect(await edited(statement), statement).toBe(true)
  const { wrong, findings } = await history.verify()
  expect(wrong, statement).toBeGreaterThan(0)
  expect(findings[0]!.message).toMatch(message)
  await history.putBack()
}

test('events that change places are found', async () => {
  const swap = `
    with two as (select idx, account_id, stream, seq from log where idx in (11, 12)),
    away as (delete from log where idx in (11, 12) returning *)
    select 1 from two, away`
  expect(await edited(swap)).toBe(true)
  await history.owner.unsafe(`
    insert into log select 23 - idx, account_id, project_id, stream, seq, type, actor, at from kept.log where idx in (11, 12)`)
  const { findings } = await history.verify()
  expect(findings[0]!.message).toMatch(/another hash for event \d of \S+ \(ProjectRenamed, entry 11 of the log\)/)
  await history.putBack()
  await expectFound(
    `update events e set envelope = o.envelope, commitment = o.commitment from events o
     where o.stream = e.stream and o.seq = 2 and e.seq = 3 and e.stream = (select stream from log where idx = 12)`,
    /Event 3 of \S+ .* is not what was appended/,
  )
})

test('an event that was put in is found', async () => {
  const columns = (stream: string, seq: string) =>
    `account_id, ${stream}, ${seq}, project_id, gen_random_uuid(), type, version, dek_id, at, actor, commitment,
     command_id || 'x', n, command_mac, envelope, chain`
  const of = `from events where stream = (select stream from log where idx = 12)`
  await expectFound(
    `insert into events select ${columns("stream || '-x'", 'seq')} ${of} and seq = 1`,
    /event 1 of \S+-x/,
  )
  await expectFound(
    `insert into events select ${columns('stream', 'seq + 1')} ${of} and seq = 5`,
    /The head of \S+ is at 5, and there is event 6 of/,
  )
})

test('an event that was made up with everything recomputed that needs no key is found once it is opened', async () => {
  await history.putIn()
  const { findings } = await history.verify()
  expect(findings.map((f) => f.code).sort()).toEqual(['EVENT_UNREADABLE', 'SNAPSHOT_WRONG'])
  expect(findings.map((f) => f.message)).toContainEqual(
    expect.stringMatching(/^Event 6 of \S+ \(ProjectRenamed\) cannot be opened \(ENVELOPE_TAMPERED\)\.$/),
  )
})

test('an end that was cut off consistently is found by the checkpoint outside', async () => {
  const { owner } = history
  await owner.begin(async (tx) => {
    await tx`truncate outbox`
    await tx`delete from events where seq > 3`
    await tx`delete from log where idx >= 15`
    await tx`update log_state set size = 15`
    await tx`delete from tree_nodes where (idx + 1) * (2 ^ level) > 15`
    await tx`update tree_state set size = 15`
    await tx`delete from checkpoints where size = 20`
    await tx`
      update heads h set seq = 3, chain = e.chain, from_seq = 2, from_chain = p.chain
      from events e, events p where h.seq > 0 and e.stream = h.stream and e.seq = 3 and p.stream = h.stream and p.seq = 2`
  })
  const { findings } = await history.verify()
  expect(findings[0]).toMatchObject({
    code: 'LOG_SHRANK',
    index: 15,
    message: expect.stringContaining('entries 15 to 19 are missing') as string,
  })
  // Without it, only the states that were sealed afterwards tell.
  const [kept] = history.outside.splice(0)
  const alone = await history.verify()
  expect(alone.findings.map((f) => f.code)).toEqual([
    'SNAPSHOT_WRONG',
    'SNAPSHOT_WRONG',
    'SNAPSHOT_WRONG',
    'SNAPSHOT_WRONG',
    'SNAPSHOT_WRONG',
  ])
  history.outside.push(kept!)
})

test('tables that were emptied are found', async () => {
  for (const table of ['events', 'heads', 'log', 'tree_nodes', 'checkpoints']) {
    await history.owner.unsafe(`truncate ${table}`)
    expect((await history.verify()).wrong, table).toBeGreaterThan(0)
    await history.putBack()
  }
})
