const DAY = 86_400_000

/** The rule for a project without its own, in days. */
export const DEFAULT_MAX_AGE_DAYS = 90
/** A reminder comes so many days before, but never in the first half of a key's time. */
export const REMIND_DAYS = 14

/** When a key in use has to be rotated. Unix milliseconds; `own`: by the project's own rule. */
export type RotationDue = {
  status: 'fine' | 'soon' | 'overdue'
  maxAgeDays: number
  own: boolean
  dueAt: number
}

/** `setAt`: since when the key is in use. `ruled`: the project's own maximum age, null without one. */
export function rotationDue(setAt: number, ruled: number | null, now: number): RotationDue {
  const maxAgeDays = ruled ?? DEFAULT_MAX_AGE_DAYS
  const dueAt = setAt + maxAgeDays * DAY
  const remindAt = dueAt - Math.min(REMIND_DAYS, maxAgeDays / 2) * DAY
  const status = now > dueAt ? 'overdue' : now >= remindAt ? 'soon' : 'fine'
  return { status, maxAgeDays, own: ruled !== null, dueAt }
}
