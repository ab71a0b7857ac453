import type { KeyPeriod, RotationsRow } from './rotations.projection.ts'

const DAY = 86_400_000

export type KeyReport = KeyPeriod & {
  ageDays: number
  overdue: boolean
  /** Other projects in which this key was seen. */
  alsoIn: readonly string[]
  /** In use earlier, replaced, and back again. */
  cameBack: boolean
}
export type RotationsReport = {
  projectId: string
  keys: readonly KeyReport[]
  rejected: RotationsRow['rejected']
  runsAfterReplaced: number
  overdue: boolean
}

/** The rotation audit of all projects at `now` (unix ms), with a maximum age of a key in days. Ages of replaced keys end with their use. */
export function rotationsReport(rows: readonly RotationsRow[], now: number, maxAgeDays: number): RotationsReport[] {
  const seenIn = new Map<string, Set<string>>()
  for (const row of rows)
    for (const { fingerprint } of row.keys)
      seenIn.set(fingerprint, (seenIn.get(fingerprint) ?? new Set()).add(row.projectId))
  return rows.map(({ projectId, keys, rejected }) => {
    const reported = keys.map((key, i) => {
      const ageDays = ((key.to ?? now) - key.from) / DAY
      const alsoIn = [...seenIn.get(key.fingerprint)!].filter((id) => id !== projectId).sort()
      const cameBack = keys.slice(0, i).some((k) => k.fingerprint === key.fingerprint)
      return { ...key, ageDays, overdue: key.to === null && ageDays > maxAgeDays, alsoIn, cameBack }
    })
    const runsAfterReplaced = reported.reduce((sum, k) => sum + k.runsAfterReplaced, 0)
    return { projectId, keys: reported, rejected, runsAfterReplaced, overdue: reported.some((k) => k.overdue) }
  })
}
