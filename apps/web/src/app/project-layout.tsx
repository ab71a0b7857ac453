import { Link, Navigate, Outlet, useMatchRoute, useParams } from '@tanstack/react-router'
import { ChevronRight } from 'lucide-react'
import { Failed, Notice, Skeleton } from '../components/ui/states.tsx'
import { Badge } from '../components/ui/surface.tsx'
import { LimitAlarms } from '../features/limits/limit-alarms.tsx'
import { useProject } from '../features/projects/queries.ts'
import { ShredBanner } from '../features/shredding/shred-banner.tsx'
import { isNotThere } from '../lib/trpc.ts'
import { Nothing } from './crashed.tsx'

const tabs = [
  ['/projects/$projectId', 'Overview', true],
  ['/projects/$projectId/playground', 'Playground', false],
  ['/projects/$projectId/runs', 'Runs', false],
  ['/projects/$projectId/sessions', 'Sessions', false],
  ['/projects/$projectId/usage', 'Usage', false],
  ['/projects/$projectId/files', 'Files', false],
  ['/projects/$projectId/api', 'API', false],
  ['/projects/$projectId/webhooks', 'Webhooks', false],
  ['/projects/$projectId/history', 'History', false],
  ['/projects/$projectId/time-travel', 'Time travel', false],
  ['/projects/$projectId/rotations', 'Rotations', false],
  ['/projects/$projectId/limits', 'Limits & credits', false],
] as const

/** Of a shredded project only that it was, and its history, can be shown. */
const tabsOf = (status: string | undefined) =>
  status === 'shredded' ? tabs.filter(([, label]) => label === 'Overview' || label === 'History') : tabs

/** A project's name and the ways to its pages. */
export function ProjectLayout() {
  const { projectId } = useParams({ from: '/app/projects/$projectId' })
  const project = useProject(projectId)
  const shown = tabsOf(project.data?.status)
  const matches = useMatchRoute()
  if (project.isError && isNotThere(project.error)) return <Nothing />
  if (project.isError) return <Failed error={project.error} retry={() => void project.refetch()} />
  return (
    <>
      <nav aria-label="Breadcrumb" className="mb-3 flex items-center gap-1.5 text-[13px] text-muted">
        <Link to="/" className="rounded hover:text-text">
          Projects
        </Link>
        <ChevronRight className="size-3.5" aria-hidden />
        {project.data ? (
          <span className="truncate font-medium text-text">{project.data.name}</span>
        ) : (
          <Skeleton className="h-4 w-32" />
        )}
        {project.data?.status === 'archived' && <Badge>Archived</Badge>}
        {project.data?.status === 'shredding' && <Badge tone="warn">To be shredded</Badge>}
      </nav>
      <nav
        aria-label="Project"
        className="-mx-4 mb-6 flex gap-1 overflow-x-auto border-b px-4 [scrollbar-width:none] sm:mx-0 sm:px-0"
      >
        {shown.map(([to, label, exact]) => (
          <Link
            key={to}
            to={to}
            params={{ projectId }}
            activeOptions={{ exact, includeSearch: false }}
            className="-mb-px focus-visible:-outline-offset-2 border-b-2 border-transparent px-2.5 pt-1 pb-2.5 text-[13.5px] whitespace-nowrap text-muted hover:text-text"
            activeProps={{ className: '!border-accent !text-text font-medium' }}
          >
            {label}
          </Link>
        ))}
      </nav>
      {project.data?.status === 'shredding' && (
        <ShredBanner projectId={projectId} name={project.data.name} dueAt={project.data.dueAt} />
      )}
      {project.data?.status === 'archived' && (
        <div className="mb-5">
          <Notice title="This project is archived">
            Nothing runs in it, and nothing can be changed. All that was recorded can still be read.
          </Notice>
        </div>
      )}
      {project.data?.status === 'active' && <LimitAlarms projectId={projectId} />}
      {shown.some(([to, , exact]) => matches({ to, params: { projectId }, fuzzy: !exact })) ? (
        <Outlet />
      ) : (
        <Navigate to="/projects/$projectId" params={{ projectId }} replace />
      )}
    </>
  )
}
