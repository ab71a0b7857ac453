import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { Play } from 'lucide-react'
import { buttonStyle } from '../../components/ui/button.tsx'
import { Older } from '../../components/ui/older.tsx'
import { Empty, Failed, Rows } from '../../components/ui/states.tsx'
import { Card, Mono, PageHeader } from '../../components/ui/surface.tsx'
import { Ago } from '../../components/ui/time.tsx'
import { count, duration } from '../../lib/format.ts'
import { RunFilters } from './run-filters.tsx'
import { filterOf } from './search.ts'
import type { RunRow } from './queries.ts'
import { useRuns } from './queries.ts'
import { KeySource, RunStatus, statusName } from './run-status.tsx'

export function RunsPage() {
  const { projectId } = useParams({ from: '/app/projects/$projectId/runs' })
  const search = useSearch({ from: '/app/projects/$projectId/runs' })
  const navigate = useNavigate({ from: '/projects/$projectId/runs' })
  const runs = useRuns(projectId, filterOf(search))
  const isFiltered = Object.values(search).some((value) => value !== undefined)
  const rows = runs.data?.pages.flatMap((page) => page.runs) ?? []
  return (
    <>
      <PageHeader
        title="Runs"
        description="Each run records the model, the configuration revision and the key that it used."
      />
      <RunFilters
        projectId={projectId}
        search={search}
        onSearch={(next) => void navigate({ search: next, replace: true })}
      />
      <Card>
        {runs.isError ? (
          <Failed error={runs.error} retry={() => void runs.refetch()} />
        ) : runs.isPending ? (
          <Rows />
        ) : rows.length === 0 && isFiltered ? (
          <Empty icon={<Play aria-hidden />} title="No run is like that">
            Choose other filters, or clear them.
          </Empty>
        ) : rows.length === 0 ? (
          <Empty
            icon={<Play aria-hidden />}
            title="No runs yet"
            action={
              <Link
                to="/projects/$projectId/playground"
                params={{ projectId }}
                className={buttonStyle({ look: 'primary' })}
              >
                Open the playground
              </Link>
            }
          >
            Call the API with the project's key, or try it in the playground.
          </Empty>
        ) : (
          <div className="relative overflow-x-auto" tabIndex={0} role="region" aria-label="Runs, newest first">
            <table className="w-full min-w-[50rem] text-left text-[13px]">
              <thead>
                <tr className="border-b text-xs text-muted">
                  {['Status', 'Model', 'Key', 'Revision', 'Tokens', 'Time', 'Started'].map((name) => (
                    <th key={name} scope="col" className="px-4 py-2.5 font-medium first:pl-5 last:pr-5 last:text-right">
                      {name}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody className="divide-y">
                {rows.map((run) => (
                  <Row key={run.runId} run={run} />
                ))}
              </tbody>
            </table>
          </div>
        )}
        <Older pages={runs} what="runs" />
      </Card>
    </>
  )
}

function Row({ run }: { run: RunRow }) {
  const { runId, projectId } = run
  return (
    <tr className="relative hover:bg-sunken/60">
      <td className="py-2.5 pl-5">
        <Link
          to="/projects/$projectId/runs/$runId"
          params={{ projectId, runId }}
          className="after:absolute after:inset-0"
          aria-label={`Run ${runId}, ${statusName(run.status).toLowerCase()}`}
        >
          <RunStatus status={run.status} error={run.error} />
        </Link>
      </td>
      <td className="px-4">
        <Mono className="line-clamp-2 min-w-28">{run.model}</Mono>
      </td>
      <td className="px-4">
        {run.keyFingerprint ? (
          <>
            <Mono className="whitespace-nowrap">{run.keyFingerprint}</Mono>
            {run.fallbackFingerprint && (
              <span className="block text-xs text-muted">
                then the old <Mono className="whitespace-nowrap text-xs">{run.fallbackFingerprint}</Mono>
              </span>
            )}
          </>
        ) : (
          <KeySource source={run.keySource} />
        )}
      </td>
      <td className="tnum px-4">{run.keySource === 'project' ? run.configRevision : '–'}</td>
      <td className="tnum px-4">{run.tokens ? count(run.tokens) : '–'}</td>
      <td className="tnum px-4 whitespace-nowrap">{run.durationMs === null ? '–' : duration(run.durationMs)}</td>
      <td className="py-2.5 pr-5 text-right text-muted">
        <Ago at={run.startedAt} />
      </td>
    </tr>
  )
}
