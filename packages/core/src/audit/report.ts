import { DEFAULT_MAX_AGE_DAYS, rotationDue } from './due.ts'
import type { RotationDue } from './due.ts'
import type { KeyPeriod, PolicyChange, RotationsRow } from './rotations.projection.ts'

const DAY = 86_400_000

export type KeyReport = KeyPeriod & {
  /** Since the key came into use; a roll back does not make it younger. */
  ageDays: number
  /** In use, and older than the rule allows. */
  overdue: boolean
  /** Days that it is, or was, in use beyond the rule of now; 0 when it kept to it. */
  daysBeyond: number
  /** Other projects in which this key was seen. */
  alsoIn: readonly string[]
  /** In use earlier, replaced, and back again. */
  cameBack: boolean
}
/** The rule that a report measures by. `asked`: whoever asked for the report gave it; it holds for every project. */
export type PolicyReport = {
  maxAgeDays: number
  source: 'asked' | 'project' | 'deployment'
  /** Who ruled so, when and why; null unless it is the project's own. */
  since: number | null
  by: string | null
  reason: string | null
}
/** The longest time in which a project went on with the same key. `to` is null when it still does. */
export type Gap = { fingerprint: string; from: number; to: number | null; days: number }
export type RotationsReport = {
  projectId: string
  policy: PolicyReport
  policies: readonly PolicyChange[]
  keys: readonly KeyReport[]
  rejected: RotationsRow['rejected']
  /** Changes from one key to another. */
  rotations: number
  runs: number
  runsAfterReplaced: number
  /** Runs that went on with the old key in an overlap. */
  fallbackRuns: number
  overdue: boolean
  /** Of the key in use; null without one. */
  due: RotationDue | null
  longestGap: Gap | null
}

/** The rotation audit of all projects at `now` (unix ms), by each one's rule or by `asked` days. Ages of replaced keys end with their use. */
export function rotationsReport(rows: readonly RotationsRow[], now: number, asked: number | null): RotationsReport[] {
  const seenIn = new Map<string, Set<string>>()
  for (const row of rows)
    for (const { fingerprint } of row.keys)
      seenIn.set(fingerprint, (seenIn.get(fingerprint) ?? new Set()).add(row.projectId))
  return rows.map((row) => projectReport(row, now, asked, seenIn))
}

function projectReport(
  { projectId, policies, keys, rejected }: RotationsRow,
  now: number,
  asked: number | null,
  seenIn: ReadonlyMap<string, ReadonlySet<string>>,
): RotationsReport {
  const policy = policyOf(policies, asked)
  const reported = keys.map((key, i) => {
    const ageDays = ((key.to ?? now) - sinceOf(keys, key)) / DAY
    const daysBeyond = Math.max(0, ageDays - policy.maxAgeDays)
    const alsoIn = [...(seenIn.get(key.fingerprint) ?? [])].filter((id) => id !== projectId).sort()
    const cameBack = keys.slice(0, i).some((k) => k.fingerprint === key.fingerprint)
    return { ...key, ageDays, overdue: key.to === null && daysBeyond > 0, daysBeyond, alsoIn, cameBack }
  })
  const inUse = keys.find((k) => k.to === null)
  const ruled = policy.source === 'deployment' ? null : policy.maxAgeDays
  return {
    projectId,
    policy,
    policies,
    keys: reported,
    rejected,
    rotations: keys.filter((k, i) => i > 0 && keys[i - 1]!.fingerprint !== k.fingerprint).length,
    runs: sum(keys, (k) => k.runs),
    runsAfterReplaced: sum(keys, (k) => k.runsAfterReplaced),
    fallbackRuns: sum(keys, (k) => k.fallbackRuns),
    overdue: reported.some((k) => k.overdue),
    due: inUse ? rotationDue(sinceOf(keys, inUse), ruled, now) : null,
    longestGap: longestGap(keys, now),
  }
}

/** A project that never had a key of its own, nor a rule. */
export const emptyReport = (projectId: string, asked: number | null): RotationsReport =>
  projectReport({ projectId, policies: [], keys: [], rejected: [] }, 0, asked, new Map())

function policyOf(policies: readonly PolicyChange[], asked: number | null): PolicyReport {
  const nobody = { since: null, by: null, reason: null }
  if (asked !== null) return { maxAgeDays: asked, source: 'asked', ...nobody }
  const last = policies.at(-1)
  if (!last || last.to === null) return { maxAgeDays: DEFAULT_MAX_AGE_DAYS, source: 'deployment', ...nobody }
  return { maxAgeDays: last.to, source: 'project', since: last.at, by: last.by, reason: last.reason }
}

/** Of a key that was rolled back to: since it was in use before. */
const sinceOf = (keys: readonly KeyPeriod[], { began, dekId, from }: KeyPeriod) =>
  began === 'rolled back' ? (keys.find((key) => key.dekId === dekId)?.from ?? from) : from

/** The same key for another host is no rotation: its periods are one. */
function longestGap(keys: readonly KeyPeriod[], now: number): Gap | null {
  const spans = keys.reduce<Omit<Gap, 'days'>[]>((done, key) => {
    const { fingerprint, to } = key
    const from = sinceOf(keys, key)
    const before = done.at(-1)
    if (before?.fingerprint === fingerprint && before.to === from) return [...done.slice(0, -1), { ...before, to }]
    return [...done, { fingerprint, from, to }]
  }, [])
  return spans
    .map((span) => ({ ...span, days: ((span.to ?? now) - span.from) / DAY }))
    .reduce<Gap | null>((longest, gap) => (longest && longest.days >= gap.days ? longest : gap), null)
}

const sum = (keys: readonly KeyPeriod[], of: (key: KeyPeriod) => number) => keys.reduce((n, key) => n + of(key), 0)
