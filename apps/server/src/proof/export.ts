import { eventTypes } from '@stewrd/core/catalog.ts'
import { nodeReader } from '@stewrd/db/log-tree/node-reader.ts'
import { checkpointCovering } from '@stewrd/db/log-tree/checkpoints.ts'
import type { ForeignPlaces } from '@stewrd/db/foreign-events.ts'
import { foreignPlaces } from '@stewrd/db/foreign-events.ts'
import type { ProjectRange, ProofRow } from '@stewrd/db/log-tree/proof-rows.ts'
import { endPlaceBefore, firstPlace, firstPlaceAt, proofRows } from '@stewrd/db/log-tree/proof-rows.ts'
import { setTimeout as delay } from 'node:timers/promises'
import type { Platform } from '../platform.ts'
import { projectOf } from '../projects/project-of.ts'
import type { Event, Head } from './format.ts'
import { FOREIGN_FORMAT, FORMAT } from './format.ts'
import type { Prover } from './prove.ts'
import { prove } from './prove.ts'
import { checkpointRecords, notSigned, opened, signedUpTo } from './signed.ts'
import { bundleText } from './write.ts'

export type ExportOptions = {
  projectId: string
  /** Places in the log: the first, and the one after the last. */
  from?: number | undefined
  to?: number | undefined
  /** `configuration`: everything but what was said in runs. */
  disclose: 'nothing' | 'configuration' | 'everything'
  /** Checkpoints that somebody holds: the bundle will show that the log goes on from them. */
  checkpoints?: readonly string[]
  /** How long to wait until the newest events are signed. */
  waitMs: number
}
/**
 * What is left out as it came too late: `unplaced` changes that were not in the log yet, `unsigned` entries of the log that no
 * checkpoint covers yet.
 */
export type Bundle = { head: Head; unplaced: number; unsigned: number; text: AsyncGenerator<string> }

const LOOK_MS = 50

/** A project's history as a file that anybody can check. What is read, is read as `text` is. */
export async function exportProject(platform: Platform, options: ExportOptions): Promise<Bundle> {
  const { projectId, from = 0, disclose, checkpoints = [], waitMs } = options
  await projectOf(platform, projectId)
  const given = checkpoints.map((note) => ({ note, size: opened(platform, note).size }))
  const until = performance.now() + waitMs
  const unplaced = await placedUntil(platform, until)
  const size = await platform.history.size()
  const asked = Math.min(options.to ?? size, size)
  const needed = Math.max(asked, ...given.map((g) => g.size))
  const newest = await signedUpTo(platform, needed, Math.max(0, until - performance.now()))
  const beyond = given.find((g) => g.size > (newest?.size ?? 0))
  if (!newest || beyond) throw await notSigned(platform, beyond?.size ?? needed, newest?.size ?? 0)
  const range = { accountId: platform.accountId, projectId, from, to: Math.max(from, Math.min(asked, newest.size)) }
  const read = nodeReader(platform.sql)
  const first = await firstPlace(platform.sql, range)
  const oldest = first === undefined ? undefined : await checkpointCovering(platform.sql, first)
  const notes = [...(oldest ? [oldest.note] : []), ...given.map((g) => g.note), newest.note]
  const foreign = await foreignPlaces(platform.worker, range)
  const format = foreign.inOwn.size + foreign.begins.length > 0 ? FOREIGN_FORMAT : FORMAT
  const head = { ...headOf(platform, { runId: null, ...range, disclosed: disclose }), format } as const
  const mayOpen = ({ type, project_id }: ProofRow) => project_id === projectId && opens[disclose](type)
  const prover: Prover = { read, tree: newest, dataKeys: platform.dataKeys, opens: mayOpen }
  const source = {
    head,
    checkpoints: await checkpointRecords(platform, read, notes),
    events: provedRows(platform, prover, range, foreign),
    seal: platform.publicLog.sealBundle,
  }
  return { head, unplaced, unsigned: asked - Math.min(asked, newest.size), text: bundleText(source) }
}

/** Waits until what was acknowledged before now has its place in the log. Returns how much of it has none at `until`. */
async function placedUntil({ sql }: Platform, until: number): Promise<number> {
  const [newest] = await sql<{ id: number | null }[]>`select max(id) as id from outbox`
  for (;;) {
    const [row] = await sql<{ left: number }[]>`select count(*) as left from outbox where id <= ${newest?.id ?? 0}`
    const left = row?.left ?? 0
    if (left === 0 || performance.now() >= until) return left
    await delay(LOOK_MS)
  }
}

export type PlaceOrTime = { place: number } | { time: number }

/** Places for what somebody asks for: of times, from the first event at or after `from` to the last before `to`. */
export async function placesBetween(
  { sql, accountId }: Platform,
  projectId: string,
  { from, to }: { from: PlaceOrTime | undefined; to: PlaceOrTime | undefined },
): Promise<{ from: number | undefined; to: number | undefined }> {
  const project = { accountId, projectId }
  return {
    from: from && ('place' in from ? from.place : await firstPlaceAt(sql, project, from.time)),
    to: to && ('place' in to ? to.place : await endPlaceBefore(sql, project, to.time)),
  }
}

const opens: Record<ExportOptions['disclose'], (type: string) => boolean> = {
  nothing: () => false,
  configuration: (type) => !eventTypes.runs.includes(type),
  everything: () => true,
}

async function* provedRows(
  platform: Platform,
  prover: Prover,
  range: ProjectRange,
  { inOwn, begins }: ForeignPlaces,
): AsyncGenerator<Event> {
  // What was hashed names the project that an event was recorded under, whatever its row does.
  const asRecorded = (row: ProofRow) => ({ ...row, project_id: inOwn.get(row.idx) ?? row.project_id })
  for await (const rows of proofRows(platform.sql, range, [...inOwn.keys(), ...begins]))
    yield* await Promise.all(rows.map((row) => prove(prover, asRecorded(row))))
}

export const headOf = (
  { accountId, publicLog: { origin, verifierKey }, now }: Platform,
  about: { projectId: string; runId: string | null; from: number; to: number; disclosed: Head['disclosed'] },
): Head => ({
  format: FORMAT,
  account_id: accountId,
  project_id: about.projectId,
  run_id: about.runId,
  from: about.from,
  to: about.to,
  disclosed: about.disclosed,
  made_at: now(),
  origin,
  verifier_key: verifierKey,
})
