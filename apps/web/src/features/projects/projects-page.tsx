import { Link } from '@tanstack/react-router'
import { ArrowRight, FolderKanban, Plus } from 'lucide-react'
import { useState } from 'react'
import { Button } from '../../components/ui/button.tsx'
import { Empty, Failed, Rows } from '../../components/ui/states.tsx'
import { Badge, Card, Mono, PageHeader } from '../../components/ui/surface.tsx'
import { Ago } from '../../components/ui/time.tsx'
import type { Outputs } from '../../lib/trpc.ts'
import { DueBadge } from '../key-custody/due.tsx'
import { HealthBadge } from '../llm/health-badge.tsx'
import { ShreddedList } from '../shredding/shredded-list.tsx'
import { CreateProjectDialog } from './create-project-dialog.tsx'
import { useProjects } from './queries.ts'

type Item = Outputs['projects']['list'][number]

export function ProjectsPage() {
  const projects = useProjects()
  const [creating, setCreating] = useState(false)
  const create = (
    <Button look="primary" onClick={() => setCreating(true)}>
      <Plus aria-hidden /> New project
    </Button>
  )
  return (
    <>
      <PageHeader
        title="Projects"
        description="A project has its own API key, its own provider key and its own history."
        actions={projects.data?.length ? create : undefined}
      />
      <Card>
        {projects.isError ? (
          <Failed error={projects.error} retry={() => void projects.refetch()} />
        ) : !projects.data ? (
          <Rows className="h-[68px]" />
        ) : projects.data.length === 0 ? (
          <Empty icon={<FolderKanban aria-hidden />} title="Make your first project" action={create}>
            You get an API key for it at once. Until you set a provider key of your own, runs are answered by the
            built-in demo model or by the model that this server was given.
          </Empty>
        ) : (
          <ul className="divide-y" aria-label="Projects">
            {projects.data.map((project) => (
              <ProjectItem key={project.projectId} project={project} />
            ))}
          </ul>
        )}
      </Card>
      <ShreddedList />
      <CreateProjectDialog open={creating} onOpenChange={setCreating} />
    </>
  )
}

function ProjectItem({ project }: { project: Item }) {
  const { projectId, name, status, llm, health, rotation, lastRun, createdAt } = project
  return (
    <li>
      <Link
        to="/projects/$projectId"
        params={{ projectId }}
        className="group grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-4 gap-y-1 px-4 py-3.5 transition-colors first:rounded-t-xl last:rounded-b-xl hover:bg-sunken/60 focus-visible:-outline-offset-2 sm:grid-cols-[minmax(0,1.2fr)_minmax(0,1fr)_auto_9rem_1rem] sm:px-5"
      >
        <div className="min-w-0">
          <p className="flex items-center gap-2 font-medium">
            <span className="truncate">{name}</span>
            {status === 'archived' && <Badge>Archived</Badge>}
            {status === 'shredding' && <Badge tone="warn">To be shredded</Badge>}
          </p>
          <p className="text-xs text-muted">
            Created <Ago at={createdAt} />
          </p>
        </div>
        <Mono className="row-start-2 truncate text-muted sm:row-start-auto">{llm.model ?? 'No model'}</Mono>
        <div className="flex max-w-36 flex-wrap justify-end gap-1.5 justify-self-end sm:max-w-none">
          <DueBadge rotation={rotation} />
          {llm.status === 'own' ? <HealthBadge health={health} /> : <FallbackBadge status={llm.status} />}
        </div>
        <p className="justify-self-end text-xs text-muted">
          {lastRun ? (
            <>
              Run <Ago at={lastRun.startedAt} />
            </>
          ) : (
            'No runs yet'
          )}
        </p>
        <ArrowRight
          aria-hidden
          className="hidden size-4 text-faint transition-transform group-hover:translate-x-0.5 sm:block"
        />
      </Link>
    </li>
  )
}

export function FallbackBadge({ status }: { status: 'own' | 'default' | 'demo' | 'none' }) {
  if (status === 'demo') return <Badge tone="warn">Demo model</Badge>
  if (status === 'default') return <Badge tone="accent">Server default</Badge>
  return <Badge tone="bad">Cannot run</Badge>
}
