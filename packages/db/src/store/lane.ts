import type { Job } from './job.ts'

const MAX_JOBS = 64
const UNITS = { fewest: 2, most: 64 }
/** Those that wait or are being written are parted into so many statements: the process seals one while the database writes another. */
const PARTS = 2

/** The waiting commands of one stream. `solo`: a statement of its own, because a shared one failed for an unclear reason. */
export type Lane = {
  name: string
  jobs: Job[]
  stage: 'resting' | 'cold' | 'ready' | 'flying' | 'paused'
  solo: boolean
  pauseMs: number
}

export const mustBeChecked = (job: Job) => job.check && !job.checked
/** It may be turned away for another reason than its head: by a guard, a limit, or for want of credits. */
const isGuarded = (lane: Lane) => lane.jobs[0] !== undefined && isConditional(lane.jobs[0])
const isConditional = ({ meta }: Job) =>
  (meta.guards?.length ?? 0) > 0 || meta.limits !== undefined || meta.credits?.kind === 'reserve'
export const recheck = (job: Job): Job => Object.assign(job, { check: true, checked: false })

/** The next commands of a stream that can be judged together: those before one that is conditional or must be looked up. */
export function takeJobs(lane: Lane): Job[] {
  const limit = lane.solo || isGuarded(lane) ? 1 : MAX_JOBS
  let count = 1
  while (count < Math.min(limit, lane.jobs.length)) {
    const job = lane.jobs[count]!
    if (mustBeChecked(job) || isConditional(job)) break
    count += 1
  }
  return lane.jobs.splice(0, count)
}

/**
 * Those of some streams, at least one, that can share the next statement, while `flying` are being written. Guarded units travel apart from
 * the rest: what writes a head that others guard must not wait for a guard of its own.
 */
export function nextBatch(ready: readonly Lane[], flying: number): { batch: Lane[]; rest: Lane[] } {
  const first = ready[0]!
  const guarded = isGuarded(first)
  const most = Math.min(UNITS.most, Math.max(UNITS.fewest, Math.ceil((ready.length + flying) / PARTS)))
  const batch: Lane[] = []
  const rest: Lane[] = []
  for (const lane of ready) {
    const fits = first.solo ? lane === first : !lane.solo && isGuarded(lane) === guarded && batch.length < most
    if (fits) batch.push(lane)
    else rest.push(lane)
  }
  return { batch: batch.sort(byName), rest }
}

/** Heads are locked in this order, so that two statements, of two nodes, cannot wait for each other. */
const byName = (a: Lane, b: Lane) => (a.name < b.name ? -1 : 1)
