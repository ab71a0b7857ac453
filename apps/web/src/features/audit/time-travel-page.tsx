import { useParams } from '@tanstack/react-router'
import { History } from 'lucide-react'
import { useState } from 'react'
import { Empty, Failed, Skeleton } from '../../components/ui/states.tsx'
import { Card, PageHeader } from '../../components/ui/surface.tsx'
import { StateDiff } from '../history/state-diff.tsx'
import type { LlmCurrent } from '../llm/queries.ts'
import { useLlm } from '../llm/queries.ts'
import { ConfigCard } from './config-card.tsx'
import { Pick } from './moment-pick.tsx'
import { useConfigAt, useConfigChanges } from './queries.ts'
import type { Moment } from './queries.ts'
import { RestoreConfig } from './restore-config.tsx'

/** The configuration at any moment, and what differs between two. */
export function TimeTravelPage() {
  const { projectId } = useParams({ from: '/app/projects/$projectId/time-travel' })
  const changes = useConfigChanges(projectId)
  const llm = useLlm(projectId)
  if (changes.isError) return <Failed error={changes.error} retry={() => void changes.refetch()} />
  if (llm.isError) return <Failed error={llm.error} retry={() => void llm.refetch()} />
  return (
    <>
      <PageHeader
        title="Time travel"
        description="What this project was configured with at any moment, folded from its events."
      />
      {!changes.data || !llm.data ? (
        <Skeleton className="h-72" />
      ) : changes.data.entries.length === 0 ? (
        <Card>
          <Empty icon={<History aria-hidden />} title="Nothing to travel to yet">
            Set a provider key for this project. From then on every change can be revisited here.
          </Empty>
        </Card>
      ) : (
        <Travel
          projectId={projectId}
          latest={llm.data.revision}
          own={llm.data.status === 'own' ? llm.data : undefined}
        />
      )}
    </>
  )
}

type Props = { projectId: string; latest: number; own: LlmCurrent | undefined }

function Travel({ projectId, latest, own }: Props) {
  const changes = useConfigChanges(projectId)
  const [chosen, setThen] = useState<Moment>()
  const [compared, setWith] = useState<Moment>()
  const then = chosen ?? { revision: Math.max(0, latest - 1) }
  const other = compared ?? { revision: latest }
  const before = useConfigAt(projectId, then)
  const after = useConfigAt(projectId, other)
  const entries = changes.data?.entries ?? []
  return (
    <div className="flex flex-col gap-5">
      <Card title="Choose a moment" description="Drag to a revision, or give a time.">
        <div className="grid gap-6 px-4 py-4 sm:px-5 lg:grid-cols-2">
          <Pick
            label="Then"
            value={then}
            latest={latest}
            shown={before.data?.llm.revision}
            entries={entries}
            onChange={setThen}
          />
          <Pick
            label="Compared with"
            value={other}
            latest={latest}
            shown={after.data?.llm.revision}
            entries={entries}
            onChange={setWith}
          />
        </div>
      </Card>
      {(before.isError || after.isError) && (
        <Card>
          <Failed
            error={before.error ?? after.error}
            retry={() => void Promise.all([before.refetch(), after.refetch()])}
          />
        </Card>
      )}
      {before.data && after.data && (
        <>
          <div className="grid gap-5 lg:grid-cols-2">
            <ConfigCard
              title={`Revision ${before.data.llm.revision}`}
              config={before.data}
              actions={own && <RestoreConfig projectId={projectId} then={before.data} now={own} latest={latest} />}
            />
            <ConfigCard
              title={`Revision ${after.data.llm.revision}${after.data.llm.revision === latest ? ' (now)' : ''}`}
              config={after.data}
            />
          </div>
          <Card title="Difference">
            <div className="p-4 sm:p-5">
              <StateDiff
                before={{ ...before.data.llm.state, project: before.data.project.state.name ?? null }}
                after={{ ...after.data.llm.state, project: after.data.project.state.name ?? null }}
                labels={[`Revision ${before.data.llm.revision}`, `Revision ${after.data.llm.revision}`]}
              />
            </div>
          </Card>
        </>
      )}
    </div>
  )
}
