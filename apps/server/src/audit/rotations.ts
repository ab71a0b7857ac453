import type { AnyEvent } from '@stewrd/core/catalog.ts'
import type { RotationsReport } from '@stewrd/core/audit/report.ts'
import { emptyReport, rotationsReport } from '@stewrd/core/audit/report.ts'
import type { RotationsEvent, RotationsRow } from '@stewrd/core/audit/rotations.projection.ts'
import { rotationsView } from '@stewrd/core/audit/rotations.projection.ts'
import { canonicalJson } from '@stewrd/core/kernel/canonical-json.ts'
import type { Logged } from '@stewrd/core/kernel/event.ts'
import { views } from '@stewrd/core/catalog.ts'
import type { ActorLabel } from '../auth/people.ts'
import { actorLabels } from '../auth/people.ts'
import { nounOf } from '../history/entry.ts'
import { shown } from '../kernel/change.ts'
import type { Platform } from '../platform.ts'

/**
 * The life of every provider key, computed by replaying the log. `fromView` compares with the read model: what differs is named.
 * `unreadable` counts events that could not be opened, without which the report is incomplete. `actors` names whoever occurs in it.
 */
export type RotationAudit = {
  at: number
  /** The rule that was asked for, in days; null: each project's own, or the deployment's. */
  maxAgeDays: number | null
  projects: (RotationsReport & { name: string })[]
  actors: ActorLabel[]
  events: number
  unreadable: number
  ms: number
  fromView: { equal: boolean; differs: string[] }
}

export async function rotationAudit(
  platform: Platform,
  { projectId, maxAgeDays = null }: { projectId?: string | undefined; maxAgeDays?: number | null | undefined } = {},
): Promise<RotationAudit> {
  const began = performance.now()
  let [replayed, fromView] = await replayAndCompare(platform)
  // Whoever writes meanwhile puts the view ahead of the replay: only a difference that stays is one.
  for (let again = 0; again < 3 && !fromView.equal; again++) [replayed, fromView] = await replayAndCompare(platform)
  const at = platform.now()
  const reports = rotationsReport([...replayed.rows.values()], at, maxAgeDays)
  for (const id of replayed.names.keys()) if (!replayed.rows.has(id)) reports.push(emptyReport(id, maxAgeDays))
  const chosen = reports.filter((r) => projectId === undefined || r.projectId === projectId)
  return {
    at,
    maxAgeDays,
    projects: chosen.map((report) => ({ ...report, name: replayed.names.get(report.projectId) ?? report.projectId })),
    actors: await actorsOf(platform, chosen),
    events: replayed.events,
    unreadable: replayed.unreadable,
    ms: Math.round(performance.now() - began),
    fromView,
  }
}

async function replayAndCompare(platform: Platform): Promise<[Replayed, RotationAudit['fromView']]> {
  const replayed = await replay(platform)
  if (replayed.last) await shown(platform, replayed.last.stream, replayed.last.seq)
  return [replayed, await compare(platform, replayed.rows)]
}

type Replayed = {
  rows: Map<string, RotationsRow>
  names: Map<string, string>
  events: number
  unreadable: number
  last: Logged | undefined
}

/** Always the whole account: a key that is used twice is seen only by who looks at every project. */
async function replay(platform: Platform): Promise<Replayed> {
  const replayed: Replayed = { rows: new Map(), names: new Map(), events: 0, unreadable: 0, last: undefined }
  for await (const batch of platform.readLog({ accountId: platform.accountId, nouns: read }))
    for (const logged of batch) {
      if (logged.unreadable === undefined) take(replayed, logged)
      // What was destroyed on purpose is not missing.
      else if (logged.unreadable !== 'SHREDDED') replayed.unreadable += 1
    }
  return replayed
}

const concerned = views.find((v) => v.projection.name === rotationsView.name)?.nouns ?? []
/** What the report is made of: the life of keys, and the names of projects. */
const read = [...concerned, 'projects' as const]

function take(replayed: Replayed, logged: Logged<AnyEvent>): void {
  replayed.events += 1
  replayed.last = logged
  const { event, projectId } = logged
  if (event.type === 'ProjectCreated') replayed.names.set(projectId, event.data.name)
  if (event.type === 'ProjectRenamed') replayed.names.set(projectId, event.data.to)
  if (!concerned.includes(nounOf(event.type))) return
  const mine = logged as Logged<RotationsEvent>
  const key = rotationsView.key(mine)
  if (key === undefined) return
  const row = rotationsView.evolve(replayed.rows.get(key), mine)
  if (row) replayed.rows.set(key, row)
}

async function compare(platform: Platform, rows: Map<string, RotationsRow>): Promise<RotationAudit['fromView']> {
  const stored = await Promise.all(
    [...rows.keys()].map((id) => platform.views.get<RotationsRow>('rotations', platform.accountId, id)),
  )
  const differs = [...rows].flatMap(([id, row], i) => {
    const other = stored[i]
    return other && canonicalJson(other) === canonicalJson(row) ? [] : [id]
  })
  return { equal: differs.length === 0, differs }
}

async function actorsOf(platform: Platform, reports: readonly RotationsReport[]): Promise<ActorLabel[]> {
  const ids = new Set(
    reports.flatMap((r) => [
      ...r.keys.flatMap((k) => [k.setBy, ...(k.replacedBy ? [k.replacedBy] : [])]),
      ...r.policies.map((p) => p.by),
    ]),
  )
  const label = await actorLabels(platform.people, [...ids])
  return [...ids].map(label)
}
