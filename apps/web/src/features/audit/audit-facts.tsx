import type { ReactNode } from 'react'
import { Badge, Mono } from '../../components/ui/surface.tsx'
import { age, count, dateTime, distance } from '../../lib/format.ts'
import type { AuditedProject, RotationAudit } from './queries.ts'

const DAY = 86_400_000
const sources = { asked: 'as asked for', project: "the project's rule", deployment: "the deployment's rule" }

/** What an auditor asks first: the rule, when the key is due, how often and how long. */
export function AuditFacts({ project, actors }: { project: AuditedProject; actors: RotationAudit['actors'] }) {
  const { policy, due, longestGap, rotations, runs, fallbackRuns, runsAfterReplaced } = project
  const by = actors.find((a) => a.id === policy.by)?.label
  return (
    <dl className="grid grid-cols-2 gap-x-6 gap-y-4 px-5 pt-4 text-[13px] sm:grid-cols-3 lg:grid-cols-6">
      <Fact name="Rule" note={by ? `${sources[policy.source]}, by ${by}` : sources[policy.source]}>
        {policy.maxAgeDays} {policy.maxAgeDays === 1 ? 'day' : 'days'}
      </Fact>
      <Fact name="Key due" note={due ? dateTime(due.dueAt) : ''}>
        {!due ? (
          '–'
        ) : due.status === 'fine' ? (
          `in ${distance(due.dueAt)}`
        ) : (
          <Badge tone="warn">{due.status === 'overdue' ? 'Overdue' : `in ${distance(due.dueAt)}`}</Badge>
        )}
      </Fact>
      <Fact name="Rotations">{count(rotations)}</Fact>
      <Fact
        name="Longest on one key"
        note={longestGap ? <Mono className="text-xs">{longestGap.fingerprint}</Mono> : ''}
      >
        {longestGap ? age(longestGap.days * DAY) : '–'}
      </Fact>
      <Fact name="Runs" note={fallbackRuns > 0 ? `${count(fallbackRuns)} on a fallback` : ''}>
        {count(runs)}
      </Fact>
      <Fact name="After replaced">
        {runsAfterReplaced > 0 ? <Badge tone="bad">{count(runsAfterReplaced)}</Badge> : '0'}
      </Fact>
    </dl>
  )
}

const Fact = ({ name, note, children }: { name: string; note?: ReactNode; children: ReactNode }) => (
  <div className="min-w-0">
    <dt className="mb-0.5 text-xs text-muted">{name}</dt>
    <dd className="tnum">
      {children}
      {note && <span className="block text-xs text-muted">{note}</span>}
    </dd>
  </div>
)

/** What the provider refused, and when. */
export function Rejections({ rejected }: { rejected: AuditedProject['rejected'] }) {
  if (rejected.length === 0) return null
  return (
    <div className="border-t px-5 py-3 text-[13px]">
      <h3 className="mb-1.5 text-xs font-medium text-muted">Refused by the provider</h3>
      <ul className="flex flex-col gap-1">
        {rejected.toReversed().map((r) => (
          <li key={`${r.at}-${r.fingerprint}`} className="flex flex-wrap gap-x-3">
            <span className="tnum text-muted">{dateTime(r.at)}</span>
            <Mono>{r.fingerprint}</Mono>
            <span className="text-muted">
              HTTP {r.status}, {found[r.source] ?? r.source}
            </span>
          </li>
        ))}
      </ul>
    </div>
  )
}

const found: Record<string, string> = {
  set: 'when it was to be set',
  rotate: 'when it was to be rotated to',
  test: 'in a test',
  run: 'in a run',
}
