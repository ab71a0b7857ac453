import type { View } from '@stewrd/core/catalog.ts'
import { views as allViews } from '@stewrd/core/catalog.ts'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { Sql, Tx } from './connect.ts'
import type { DataKeys } from './data-keys.ts'
import { run } from './db-error.ts'
import { readLogRows, typesFor } from './log-reader.ts'
import type { Folded, RowWrite, Target } from './projection/fold.ts'
import { foldBatch, rowName } from './projection/fold.ts'
import { Lease } from './projection/lease.ts'
import { refusesRows, sortOut } from './projection/set-aside.ts'
import type { Writes } from './projection/write.ts'
import { writeRows } from './projection/write.ts'
import type { Entry } from './record.ts'
import { openEntry } from './record.ts'

export type ReplayDeps = { sql: Sql; dataKeys: DataKeys; node?: string; views?: readonly View[] }
export type ReplayProgress = { view: string; done: number; total: number }
/**
 * `equal`: the rebuilt rows are, byte for byte, those that readers saw, rows that were set aside apart. `switched`: readers see the rebuilt ones
 * now. `leftOut`: events of the log, of `logged` that are the view's, that the rebuilt rows do not show.
 */
export type ReplayResult = {
  view: string
  events: number
  logged: number
  leftOut: number
  digest: string
  liveDigest: string
  equal: boolean
  switched: boolean
  ms: number
}

/** The rebuild could not go on; readers still see what they saw. */
export class ReplayFailed extends Error {
  override readonly name = 'ReplayFailed'
}

/** In this order, 'folded' for every batch. Whoever dies after one of them leaves readers what they had; the next rebuild begins anew. */
export const replaySteps = ['leased', 'cleared', 'folded', 'close', 'switched', 'dropped'] as const
export type ReplayStep = (typeof replaySteps)[number]
export type ReplayOptions = { onProgress?: (progress: ReplayProgress) => void; onStep?: (step: ReplayStep) => void }

const BATCH = 1000
/** So close to the live view that the rest is folded while it waits. */
const CLOSE = 200

type Live = { version: number; slot: number; checkpoint: number; status: 'live' | 'quarantined' }
type Compared = Pick<ReplayResult, 'digest' | 'liveDigest' | 'equal'>
type Build = ReplayDeps &
  Required<ReplayOptions> & {
    target: Target
    lease: Lease
    events: number
    leftOut: number
    /** With a live view that has stopped, at the place where it has; the rebuild then has to reach `to`. */
    stop?: { compared: Compared; to: number }
  }

/**
 * Rebuilds a view from the first event beside the live one, under write load, and switches if both are equal, or if the view's
 * version is new. A view that has stopped is rebuilt beyond that place, to the end of the log: it goes on only if that can be done. What a
 * crashed rebuild left behind is dropped by the next one.
 */
export async function replayView(
  deps: ReplayDeps,
  name: string,
  { onProgress = () => {}, onStep = () => {} }: ReplayOptions = {},
): Promise<ReplayResult> {
  const began = performance.now()
  const view = (deps.views ?? allViews).find((v) => v.projection.name === name)
  if (!view) throw new Refusal('NOT_FOUND', { what: 'view', id: name })
  const lease = new Lease(deps.sql, `replay:${name}`, deps.node ?? 'replay')
  if ((await lease.hold()) === undefined)
    throw new ReplayFailed(`The view ${name} is being rebuilt already. Wait for that to end.`)
  try {
    onStep('leased')
    const live = await liveOf(deps.sql, name)
    if (!live) throw new ReplayFailed(`The view ${name} was never projected. Start the server once.`)
    const target = { view, slot: 1 - live.slot, checkpoint: 0 }
    const build: Build = { ...deps, onProgress, onStep, lease, events: 0, leftOut: 0, target }
    await dropSlot(deps.sql, name, build.target.slot)
    onStep('cleared')
    await catchUp(build)
    onStep('close')
    const result = await finish(build)
    onStep('switched')
    await dropSlot(deps.sql, name, result.switched ? live.slot : build.target.slot)
    onStep('dropped')
    onProgress({ view: name, done: build.target.checkpoint, total: build.target.checkpoint })
    const logged = await eventsOf(deps.sql, build.target)
    const counts = { events: build.events, logged, leftOut: logged - (build.events - build.leftOut) }
    return { view: name, ...counts, ...result, ms: Math.round(performance.now() - began) }
  } finally {
    await lease.release()
  }
}

/** Folds until the live view is close, or past one that has stopped. It goes on meanwhile, and both are compared at the same place. */
async function catchUp(build: Build): Promise<void> {
  const view = build.target.view.projection.name
  for (;;) {
    const live = await liveOf(build.sql, view)
    if (!live) throw new ReplayFailed(`The view ${view} is gone.`)
    const stopped = live.status === 'quarantined'
    if (stopped && build.target.checkpoint === live.checkpoint)
      build.stop = { compared: await compare(build.sql, build.target, live), to: await sizeOfLog(build.sql) }
    const end = build.stop?.to ?? live.checkpoint
    build.onProgress({ view, done: build.target.checkpoint, total: end })
    if (end - build.target.checkpoint <= (stopped ? 0 : CLOSE)) return
    await build.lease.hold()
    await foldUpTo(build, build.sql, end)
    build.onStep('folded')
  }
}

/** Holds the live view still, reaches exactly its place, compares, and switches. Readers wait for nothing. */
function finish(build: Build): Promise<Compared & { switched: boolean }> {
  const { name, version } = build.target.view.projection
  return run(
    build.sql.begin(async (tx) => {
      const live = (await liveOf(tx, name, true))!
      if (1 - live.slot !== build.target.slot)
        throw new ReplayFailed(`Somebody else rebuilt the view ${name} meanwhile.`)
      while (build.target.checkpoint < live.checkpoint) await foldUpTo(build, tx, live.checkpoint)
      const { checkpoint, slot } = build.target
      const passed = checkpoint > live.checkpoint ? build.stop?.compared : undefined
      const compared = passed ?? (await compare(tx, build.target, live))
      const switched = compared.equal || live.version !== version
      if (switched)
        await tx`
          update projections set slot = ${slot}, version = ${version}, checkpoint = ${checkpoint}, status = 'live', error = null,
            updated_at = now()
          where view = ${name}`
      return { ...compared, switched }
    }),
  )
}

async function compare(sql: Sql | Tx, { view, slot }: Target, live: Live): Promise<Compared> {
  const { name } = view.projection
  const [digest, liveDigest] = [await digestOf(sql, name, slot), await digestOf(sql, name, live.slot)]
  return { digest, liveDigest, equal: digest === liveDigest }
}

/** How many events of the view's nouns the log holds before the checkpoint. */
async function eventsOf(sql: Sql, { view, checkpoint }: Target): Promise<number> {
  const { known, wanted } = typesFor(view.nouns)
  const [row] = await run(sql<{ count: number }[]>`
    select count(*) from log where idx < ${checkpoint} and (type = any(${wanted}::text[]) or type <> all(${known}::text[]))`)
  return row!.count
}

async function sizeOfLog(sql: Sql): Promise<number> {
  const [state] = await run(sql<{ size: number }[]>`select size from log_state`)
  return state?.size ?? 0
}

/** Folds one batch, at most to before `end`. */
async function foldUpTo(build: Build, sql: Sql | Tx, end: number): Promise<void> {
  const { target, lease, dataKeys } = build
  const rows = await readLogRows(sql, target.checkpoint, end, { nouns: target.view.nouns }, BATCH)
  const to = rows.length < BATCH ? end : rows.at(-1)!.idx + 1
  const entries = await Promise.all(rows.map((row) => openEntry(dataKeys, row)))
  const { folded, writes } = await foldBatch(sql, [target], entries, to)
  const [one] = folded as [Folded]
  if (one.error) throw new ReplayFailed(`The view ${target.view.projection.name} cannot be rebuilt: ${one.error}.`)
  if (lease.epoch === undefined) throw tookOver()
  const refused = await writeSorted(sql, { name: lease.name, epoch: lease.epoch }, one, entries, writes)
  build.events += entries.length
  build.leftOut += one.leftOut + refused.leftOut
  build.target = { ...target, checkpoint: to, setAside: new Set([...(target.setAside ?? []), ...refused.names]) }
}

const tookOver = () => new ReplayFailed('Another rebuild of this view took over.')

/** Writes a batch without the rows that the database refuses. `leftOut`: events of the batch that are not in those. */
async function writeSorted(
  sql: Sql | Tx,
  lease: { name: string; epoch: number },
  one: Folded,
  entries: readonly Entry[],
  writes: readonly RowWrite[],
): Promise<{ names: string[]; leftOut: number }> {
  const write = (sorted: Writes) => async (db: Sql | Tx) => {
    if ((await writeRows(db, lease, sorted)).length === 0) throw tookOver()
  }
  try {
    // What fails inside a transaction would end it.
    await run('savepoint' in sql ? sql.savepoint(write({ writes })) : write({ writes })(sql))
    return { names: [], leftOut: 0 }
  } catch (error) {
    if (!refusesRows(error)) throw error
  }
  const sorted = await sortOut(sql, one, entries, writes)
  await run(write(sorted)(sql))
  const { key } = one.target.view.projection
  const leftOut = sorted.refused.flatMap((row) =>
    entries.filter((e) => e.index >= row.index && !e.unreadable && e.accountId === row.accountId && key(e) === row.key),
  )
  return { names: sorted.refused.map((row) => rowName(row.accountId, row.key)), leftOut: leftOut.length }
}

async function liveOf(sql: Sql | Tx, view: string, lock = false): Promise<Live | undefined> {
  const [live] = await run(sql<Live[]>`
    select version, slot, checkpoint, status from projections where view = ${view} ${lock ? sql`for update` : sql``}`)
  return live
}

const dropSlot = (sql: Sql, view: string, slot: number) =>
  run(sql`
    with aside as (
      delete from set_aside_rows where view = ${view} and slot = ${slot}
        and not exists (select from projections p where p.view = ${view} and p.slot = ${slot})
    )
    delete from view_rows where view = ${view} and slot = ${slot}
      and not exists (select from projections p where p.view = ${view} and p.slot = ${slot})`)

/** SHA-256 over the SHA-256 of each row, in the order of account and key. Rows that are set aside, in either slot, do not count. */
async function digestOf(sql: Sql | Tx, view: string, slot: number): Promise<string> {
  const [found] = await run(sql<{ digest: string }[]>`
    select encode(sha256(coalesce(string_agg(sha256(convert_to(account_id::text || ' ' || key || ' ' || row::text, 'UTF8')), ''::bytea
      order by account_id, key collate "C"), ''::bytea)), 'hex') as digest
    from view_rows r where view = ${view} and slot = ${slot} and not exists (
      select from set_aside_rows a where (a.account_id, a.view, a.key) = (r.account_id, r.view, r.key))`)
  return found!.digest
}
