import { Badge, Mono } from '../../components/ui/surface.tsx'
import { age, count, dateTime } from '../../lib/format.ts'
import type { AuditedKey, AuditedProject, RotationAudit } from './queries.ts'

const DAY = 86_400_000

/** Every key of a project and its life, newest first. */
export function KeysTable({ project, actors }: { project: AuditedProject; actors: RotationAudit['actors'] }) {
  const nameOf = (id: string | null) => (id === null ? '' : (actors.find((a) => a.id === id)?.label ?? id))
  return (
    <div className="relative overflow-x-auto" tabIndex={0} role="region" aria-label={`Keys of ${project.name}`}>
      <table className="w-full min-w-[48rem] text-left text-[13px]">
        <thead>
          <tr className="border-y text-xs text-muted">
            {['Key', 'From', 'Until', 'Age', 'Runs', 'After replaced', ''].map((name, i) => (
              <th key={name || i} scope="col" className="px-4 py-2 font-medium first:pl-5 last:pr-5">
                {name || <span className="sr-only">Remarks</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="divide-y">
          {project.keys.toReversed().map((key) => (
            <tr key={`${key.fingerprint}-${key.from}`} className="align-top">
              <td className="py-2.5 pl-5">
                <Mono className="whitespace-nowrap">{key.fingerprint}</Mono>
                <span className="block text-xs text-muted">{key.provider.provider}</span>
              </td>
              <td className="px-4 py-2.5">
                <span className="tnum whitespace-nowrap">{dateTime(key.from)}</span>
                <span className="block text-xs text-muted">{nameOf(key.setBy)}</span>
                {key.reason && <span className="block text-xs text-muted">“{key.reason}”</span>}
              </td>
              <td className="px-4 py-2.5">
                {key.to === null ? (
                  <Badge tone="accent">In use</Badge>
                ) : (
                  <span className="tnum whitespace-nowrap">{dateTime(key.to)}</span>
                )}
                <span className="block text-xs text-muted">{nameOf(key.replacedBy)}</span>
                {key.replacedReason && <span className="block text-xs text-muted">“{key.replacedReason}”</span>}
              </td>
              <td className="tnum px-4 py-2.5 whitespace-nowrap">{age(key.ageDays * DAY)}</td>
              <td className="tnum px-4 py-2.5">{count(key.runs)}</td>
              <td className="tnum px-4 py-2.5">
                {key.runsAfterReplaced > 0 ? <Badge tone="bad">{count(key.runsAfterReplaced)}</Badge> : '0'}
              </td>
              <td className="py-2.5 pr-5">
                <Remarks of={key} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

const Remarks = ({ of: key }: { of: AuditedKey }) => (
  <span className="flex flex-wrap gap-1.5">
    {key.overdue && <Badge tone="warn">Overdue</Badge>}
    {key.alsoIn.length > 0 && (
      <Badge tone="warn" title={key.alsoIn.join(', ')}>
        Also in {key.alsoIn.length} {key.alsoIn.length === 1 ? 'project' : 'projects'}
      </Badge>
    )}
    {key.began === 'rolled back' && <Badge>Rolled back to</Badge>}
    {key.cameBack && key.began !== 'rolled back' && <Badge tone="warn">Came back</Badge>}
    {key.daysBeyond > 0 && !key.overdue && <Badge tone="warn">{age(key.daysBeyond * DAY)} beyond the rule</Badge>}
    {key.fallbackRuns > 0 && (
      <Badge tone="warn" title="Runs that got a 401 for the new key during the overlap">
        Fallback for {count(key.fallbackRuns)} {key.fallbackRuns === 1 ? 'run' : 'runs'}
      </Badge>
    )}
    {key.overlap && key.overlap.endedAt === null && (
      <Badge tone="accent" title={`Until ${dateTime(key.overlap.until)}`}>
        Fallback now
      </Badge>
    )}
    {key.retiredAt !== null && <Badge title={`Its value was destroyed ${dateTime(key.retiredAt)}`}>Destroyed</Badge>}
  </span>
)
