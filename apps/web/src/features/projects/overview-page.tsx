import { useParams } from '@tanstack/react-router'
import { ApiKeyCard } from '../api-keys/api-key-card.tsx'
import { CapabilitiesCard } from '../capabilities/capabilities-card.tsx'
import { LlmCard } from '../llm/llm-card.tsx'
import { ShreddedProject } from '../shredding/shredded-project.tsx'
import { FallbackCard } from './fallback-card.tsx'
import { ProjectSettings } from './project-settings.tsx'
import { useProject } from './queries.ts'

export function OverviewPage() {
  const { projectId } = useParams({ from: '/app/projects/$projectId/' })
  const project = useProject(projectId)
  if (project.data?.status === 'shredded')
    return (
      <>
        <h1 className="sr-only">Shredded project</h1>
        <ShreddedProject projectId={projectId} />
      </>
    )
  return (
    <div className="flex flex-col gap-5">
      <h1 className="sr-only">Project overview</h1>
      <LlmCard projectId={projectId} />
      <FallbackCard projectId={projectId} fixed={project.data?.status !== 'active'} />
      <ApiKeyCard projectId={projectId} example />
      <CapabilitiesCard projectId={projectId} fixed={project.data?.status !== 'active'} />
      <ProjectSettings projectId={projectId} />
    </div>
  )
}
