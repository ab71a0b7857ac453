import type { View } from '@stewrd/core/catalog.ts'
import { views as allViews } from '@stewrd/core/catalog.ts'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { Sql, Tx } from './connect.ts'
import type { DataKeys } from './data-keys.ts'
import { run } from './db-error.ts'
import { readLogRows } from './log-reader.ts'
import type { Target } from './projection/fold.ts'
import { foldBatch } from './projection/fold.ts'
import { Lease } from './projection/lease.ts'
import { writeRows } from './projection/write.ts'
import { openEntry } from './record.ts'

export type ReplayDeps = { sql: Sql; dataKeys: DataKeys; node?: string; views?: readonly View[] }
export type ReplayProgress = { view: string; done: number; total: number }
/** `equal`: the rebuilt rows are, byte for byte, those that readers saw. `switched`: readers see the rebuilt ones now. */
export type ReplayResult = {
  view: string
  events: number
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

type Live = { version: number; slot: number; checkpoint: number }
type Build = ReplayDeps & Required<ReplayOptions> & { target: Target; lease: Lease; events: number }

/**
 * Rebuilds a view from the first event beside the live one, under write load, and switches if both are equal, or if the view's
 * version is new. What a crashed rebuild left behind is dropped by the next one.
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
    const build: Build = { ...deps, onProgress, onStep, lease, events: 0, target }
    await dropSlot(deps.sql, name, build.target.slot)
    onStep('cleared')
    await catchUp(build)
    onStep('close')
    const result = await finish(build)
    onStep('switched')
    await dropSlot(deps.sql, name, result.switched ? live.slot : build.target.slot)
    onStep('dropped')
    onProgress({ view: name, done: build.target.checkpoint, total: build.target.checkpoint })
    return { view: name, events: build.events, ...result, ms: Math.round(performance.now() - began) }
  } finally {
    await lease.release()
  }
}

/** Folds until the live view is close. It goes on meanwhile; we never pass it, so that both can be compared at the same place. */
async function catchUp(build: Build): Promise<void> {
  const view = build.target.view.projection.name
  for (;;) {
    const live = await liveOf(build.sql, view)
    if (!live) throw new ReplayFailed(`The view ${view} is gone.`)
    build.onProgress({ view, done: build.target.checkpoint, total: live.checkpoint })
    if (live.checkpoint - build.target.checkpoint <= CLOSE) return
    await build.lease.hold()
    await foldUpTo(build, build.sql, live.checkpoint)
    build.onStep('folded')
  }
}

/** Holds the live view still, reaches exactly its place, compares, and switches. Readers wait for nothing. */
function finish(build: Build): Promise<Pick<ReplayResult, 'digest' | 'liveDigest' | 'equal' | 'switched'>> {
  const { name, version } = build.target.view.projection
  return run(
    build.sql.begin(async (tx) => {
      const live = (await liveOf(tx, name, true))!
      if (1 - live.slot !== build.target.slot)
        throw new ReplayFailed(`Somebody else rebuilt the view ${name} meanwhile.`)
      while (build.target.checkpoint < live.checkpoint) await foldUpTo(build, tx, live.checkpoint)
      const [digest, liveDigest] = [await digestOf(tx, name, build.target.slot), await digestOf(tx, name, live.slot)]
      const equal = digest === liveDigest
      const switched = equal || live.version !== version
      if (switched)
        await tx`
          update projections set slot = ${build.target.slot}, version = ${version}, status = 'live', error = null, updated_at = now()
          where view = ${name}`
      return { digest, liveDigest, equal, switched }
    }),
  )
}

/** Folds one batch, at most to before `end`. */
async function foldUpTo(build: Build, sql: Sql | Tx, end: number): Promise<void> {
  const { target, lease, dataKeys } = build
  const rows = await readLogRows(sql, target.checkpoint, end, { nouns: target.view.nouns }, BATCH)
  const to = rows.length < BATCH ? end : rows.at(-1)!.idx + 1
  const entries = await Promise.all(rows.map((row) => openEntry(dataKeys, row)))
  const { folded, writes } = await foldBatch(sql, [target], entries, to)
  const error = folded[0]?.error
  if (error) throw new ReplayFailed(`The view ${target.view.projection.name} cannot be rebuilt: ${error}.`)
  const { epoch } = lease
  const written = epoch === undefined ? [] : await run(writeRows(sql, { name: lease.name, epoch }, writes))
  if (written.length === 0) throw new ReplayFailed('Another rebuild of this view took over.')
  build.events += entries.length
  build.target = { ...target, checkpoint: to }
}

async function liveOf(sql: Sql | Tx, view: string, lock = false): Promise<Live | undefined> {
  const [live] = await run(sql<Live[]>`
    select version, slot, checkpoint from projections where view = ${view} ${lock ? sql`for update` : sql``}`)
  return live
}

const dropSlot = (sql: Sql, view: string, slot: number) =>
  run(sql`
    delete from view_rows where view = ${view} and slot = ${slot}
      and not exists (select from projections p where p.view = ${view} and p.slot = ${slot})`)

/** SHA-256 over the SHA-256 of each row, in the order of account and key. */
async function digestOf(sql: Sql | Tx, view: string, slot: number): Promise<string> {
  const [found] = await run(sql<{ digest: string }[]>`
    select encode(sha256(coalesce(string_agg(sha256(convert_to(account_id::text || ' ' || key || ' ' || row::text, 'UTF8')), ''::bytea
      order by account_id, key collate "C"), ''::bytea)), 'hex') as digest
    from view_rows where view = ${view} and slot = ${slot}`)
  return found!.digest
}
