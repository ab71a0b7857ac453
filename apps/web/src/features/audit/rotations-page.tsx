import { rotationsCsv } from '@stewrd/core/audit/csv.ts'
import { useParams } from '@tanstack/react-router'
import { Download, KeyRound } from 'lucide-react'
import { useId, useState } from 'react'
import { toast } from 'sonner'
import { Button } from '../../components/ui/button.tsx'
import { Input } from '../../components/ui/field.tsx'
import { Empty, Failed, Notice, Skeleton } from '../../components/ui/states.tsx'
import { Badge, Card, PageHeader } from '../../components/ui/surface.tsx'
import { cn } from '../../lib/cn.ts'
import { count } from '../../lib/format.ts'
import { messageOf } from '../../lib/trpc.ts'
import { AuditFacts, Rejections } from './audit-facts.tsx'
import { download } from '../../lib/download.ts'
import { KeysTable } from './keys-table.tsx'
import type { AuditedProject, RotationAudit } from './queries.ts'
import { useRotations, useRotationsPdf } from './queries.ts'
import { TimelinePicture } from './timeline-picture.tsx'

export function ProjectRotationsPage() {
  const { projectId } = useParams({ from: '/app/projects/$projectId/rotations' })
  return <RotationsPage projectId={projectId} />
}
export const AccountRotationsPage = () => <RotationsPage />

function RotationsPage({ projectId }: { projectId?: string }) {
  const [days, setDays] = useState('')
  const daysId = useId()
  const maxAgeDays = Number(days) >= 0 && days !== '' ? Number(days) : null
  const audit = useRotations(projectId, maxAgeDays)
  const projects = audit.data?.projects.filter((p) => p.keys.length || p.rejected.length || p.policies.length) ?? []
  return (
    <>
      <PageHeader
        title="Key rotations"
        description="The life of every provider key, computed by replaying the events: since when, until when, by whom, how many runs used it, and what became of it."
        actions={
          <>
            <label htmlFor={daysId} className="flex items-center gap-2 text-[13px] text-muted">
              Measure by
              <Input
                id={daysId}
                type="number"
                min={0}
                max={36500}
                value={days}
                onChange={(e) => setDays(e.target.value)}
                placeholder="own"
                title="Empty: each project's own rule"
                className="h-8 w-20"
              />
              days
            </label>
            <ExportButtons audit={audit.data} projectId={projectId} />
          </>
        }
      />
      {audit.isError ? (
        <Card>
          <Failed error={audit.error} retry={() => void audit.refetch()} />
        </Card>
      ) : !audit.data ? (
        <Skeleton className="h-72" />
      ) : (
        <div className="flex flex-col gap-5">
          <Verdict audit={audit.data} projects={projects} />
          {projects.length === 0 ? (
            <Card>
              <Empty icon={<KeyRound aria-hidden />} title="No keys to audit yet">
                Once a provider key is set, its life is shown here.
              </Empty>
            </Card>
          ) : (
            projects.map((project) => <ProjectAudit key={project.projectId} project={project} audit={audit.data} />)
          )}
        </div>
      )}
    </>
  )
}

const Legend = () => (
  <ul className="mt-1 flex flex-wrap gap-x-5 gap-y-1 text-xs text-muted" aria-label="Colours of the timeline">
    {[
      ['bg-accent', 'In use'],
      ['bg-line-strong', 'Replaced'],
      ['bg-warn', 'Thin: fallback in an overlap. Wide: overdue, shared, or back again'],
    ].map(([colour, text]) => (
      <li key={text} className="flex items-center gap-1.5">
        <span aria-hidden className={cn('size-2.5 rounded-sm', colour)} /> {text}
      </li>
    ))}
  </ul>
)

function ExportButtons({ audit, projectId }: { audit: RotationAudit | undefined; projectId: string | undefined }) {
  const pdf = useRotationsPdf(projectId, audit?.maxAgeDays ?? null)
  const savePdf = async () => {
    try {
      download(`${name}.pdf`, 'application/pdf', await pdf.load())
    } catch (error) {
      toast.error(messageOf(error))
    }
  }
  const name = audit && `key-rotations-${new Date(audit.at).toISOString().slice(0, 10)}`
  return (
    <>
      <Button size="sm" disabled={!audit} busy={pdf.loading} onClick={() => void savePdf()}>
        <Download aria-hidden /> PDF
      </Button>
      <Button
        size="sm"
        disabled={!audit}
        onClick={() => audit && download(`${name}.csv`, 'text/csv', rotationsCsv(audit.projects))}
      >
        <Download aria-hidden /> CSV
      </Button>
      <Button
        size="sm"
        disabled={!audit}
        onClick={() => audit && download(`${name}.json`, 'application/json', JSON.stringify(audit, null, 2))}
      >
        <Download aria-hidden /> JSON
      </Button>
    </>
  )
}

function Verdict({ audit, projects }: { audit: RotationAudit; projects: readonly AuditedProject[] }) {
  const after = projects.reduce((sum, p) => sum + p.runsAfterReplaced, 0)
  const overdue = projects.filter((p) => p.overdue).length
  const soon = projects.filter((p) => p.due?.status === 'soon').length
  return (
    <div className="flex flex-col gap-2">
      {after > 0 ? (
        <Notice tone="bad" title={`${count(after)} runs used a key after it was replaced`}>
          This must never happen. Keep the history and report it.
        </Notice>
      ) : (
        <Notice tone="good" title="No run used a key after it was replaced">
          Computed from {count(audit.events)} events in {count(audit.ms)} ms.{' '}
          {audit.fromView.equal
            ? 'The read model says the same.'
            : `The read model differs for ${audit.fromView.differs.length} projects: replay it.`}
        </Notice>
      )}
      {overdue > 0 && (
        <Notice
          tone="warn"
          title={overdue === 1 ? 'One key is overdue for rotation' : `${overdue} keys are overdue for rotation`}
        />
      )}
      {soon > 0 && (
        <Notice title={soon === 1 ? 'One key is to be rotated soon' : `${soon} keys are to be rotated soon`} />
      )}
      {audit.unreadable > 0 && (
        <Notice tone="bad" title={`${count(audit.unreadable)} events cannot be opened`}>
          The report lacks them.
        </Notice>
      )}
    </div>
  )
}

function ProjectAudit({ project, audit }: { project: AuditedProject; audit: RotationAudit }) {
  return (
    <Card
      title={project.name}
      actions={
        project.overdue ? (
          <Badge tone="warn">Overdue</Badge>
        ) : project.due?.status === 'soon' ? (
          <Badge tone="warn">Due soon</Badge>
        ) : project.keys.some((k) => k.to === null) ? (
          <Badge tone="good">In order</Badge>
        ) : (
          <Badge>No key in use</Badge>
        )
      }
    >
      <AuditFacts project={project} actors={audit.actors} />
      {project.keys.length > 0 && (
        <>
          <div className="hidden px-5 pt-5 pb-2 sm:block">
            <TimelinePicture keys={project.keys} now={audit.at} />
            <Legend />
          </div>
          <KeysTable project={project} actors={audit.actors} />
        </>
      )}
      <Rejections rejected={project.rejected} />
    </Card>
  )
}
