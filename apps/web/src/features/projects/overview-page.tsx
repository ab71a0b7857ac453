import { useParams } from '@tanstack/react-router'
import { ApiKeyCard } from '../api-keys/api-key-card.tsx'
import { LlmCard } from '../llm/llm-card.tsx'
import { ProjectSettings } from './project-settings.tsx'

export function OverviewPage() {
  const { projectId } = useParams({ from: '/app/projects/$projectId/' })
  return (
    <div className="flex flex-col gap-5">
      <h1 className="sr-only">Project overview</h1>
      <LlmCard projectId={projectId} />
      <ApiKeyCard projectId={projectId} />
      <ProjectSettings projectId={projectId} />
    </div>
  )
}
