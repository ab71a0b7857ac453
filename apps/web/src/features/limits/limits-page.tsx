import { useParams } from '@tanstack/react-router'
import { Failed, Skeleton } from '../../components/ui/states.tsx'
import { PageHeader } from '../../components/ui/surface.tsx'
import { CreditsCard } from '../credits/credits-card.tsx'
import { useProject } from '../projects/queries.ts'
import { KeptCard } from './kept-card.tsx'
import { LimitsForm } from './limits-form.tsx'
import { MonthCard } from './month-card.tsx'
import { useUsage } from './queries.ts'

/** What a project may use, what it used this month, and what the account has left. */
export function LimitsPage() {
  const { projectId } = useParams({ from: '/app/projects/$projectId/limits' })
  const usage = useUsage(projectId)
  const project = useProject(projectId)
  return (
    <>
      <PageHeader
        title="Limits & credits"
        description="How much this project may run, what it has used this month, and what is left."
      />
      {usage.isError ? (
        <Failed error={usage.error} retry={() => void usage.refetch()} />
      ) : usage.isPending ? (
        <div role="status" aria-label="Loading" className="flex flex-col gap-5">
          <Skeleton className="h-36" />
          <Skeleton className="h-72" />
        </div>
      ) : (
        <div className="flex flex-col gap-5">
          <MonthCard usage={usage.data} />
          <KeptCard usage={usage.data} />
          <LimitsForm projectId={projectId} usage={usage.data} fixed={project.data?.status !== 'active'} />
          <CreditsCard credits={usage.data.credits} />
        </div>
      )}
    </>
  )
}
