import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { keepPreviousData } from '@tanstack/react-query'
import { ChartColumn, Download } from 'lucide-react'
import { useEffect, useState } from 'react'
import { Button } from '../../components/ui/button.tsx'
import { Choices } from '../../components/ui/choices.tsx'
import { Empty, Failed, Skeleton } from '../../components/ui/states.tsx'
import { Card, PageHeader } from '../../components/ui/surface.tsx'
import { download } from '../../lib/download.ts'
import { count, usd } from '../../lib/format.ts'
import { trpc } from '../../lib/trpc.ts'
import { PricesCard } from '../prices/prices-card.tsx'
import { useProjects } from '../projects/queries.ts'
import { ChangesCard } from './changes-card.tsx'
import { GroupTable } from './group-table.tsx'
import { groupings, measures, ranges, timesOf } from './search.ts'
import type { UsageSearch } from './search.ts'
import { csvOf } from './series.ts'
import type { Sums } from './series.ts'
import { UsageChart } from './usage-chart.tsx'
import { keySources } from './words.ts'

/** Of one project. */
export function ProjectUsagePage() {
  const { projectId } = useParams({ from: '/app/projects/$projectId/usage' })
  const search = useSearch({ from: '/app/projects/$projectId/usage' })
  const navigate = useNavigate({ from: '/projects/$projectId/usage' })
  return (
    <UsagePage
      projectId={projectId}
      search={search}
      onSearch={(next) => void navigate({ search: next, replace: true })}
    />
  )
}

/** Of all projects, with what models cost. */
export function AccountUsagePage() {
  const search = useSearch({ from: '/app/usage' })
  const navigate = useNavigate({ from: '/usage' })
  return (
    <div className="flex flex-col gap-5">
      <UsagePage search={search} onSearch={(next) => void navigate({ search: next, replace: true })} />
      <PricesCard />
    </div>
  )
}

const { timeZone } = Intl.DateTimeFormat().resolvedOptions()

/** Unix milliseconds, a minute old at most. */
function useNow(): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 60_000)
    return () => clearInterval(timer)
  }, [])
  return now
}

type Props = { projectId?: string; search: UsageSearch; onSearch: (search: UsageSearch) => void }

function UsagePage({ projectId, search, onSearch }: Props) {
  const { range = '30d', by = 'model', show = 'cost' } = search
  const projects = useProjects()
  const now = useNow()
  const report = trpc.usage.report.useQuery(
    { ...(projectId !== undefined && { projectId }), by, timeZone, ...timesOf(range, now) },
    { placeholderData: keepPreviousData, refetchInterval: 60_000 },
  )
  const { project: _, ...ofProject } = groupings
  const name = (group: string) =>
    by === 'project'
      ? (projects.data?.find((one) => one.projectId === group)?.name ?? `${group.slice(0, 8)}…`)
      : by === 'key'
        ? (keySources[group] ?? group)
        : group
  const save = () => report.data && download(`usage-${range}-by-${by}.csv`, 'text/csv', csvOf(report.data, name))
  return (
    <>
      <PageHeader
        title="Usage"
        description={projectId ? 'What the runs of this project used.' : 'What the runs of all projects used.'}
        actions={
          <Button size="sm" disabled={!report.data?.buckets.length} onClick={save}>
            <Download aria-hidden /> CSV
          </Button>
        }
      />
      <div className="mb-4 flex flex-wrap gap-3">
        <Choices
          label="Time"
          choices={ranges}
          value={range}
          onChange={(next) => onSearch({ ...search, range: next })}
        />
        <Choices
          label="By"
          choices={projectId === undefined ? groupings : (ofProject as typeof groupings)}
          value={by}
          onChange={(next) => onSearch({ ...search, by: next })}
        />
        <Choices
          label="Show"
          choices={measures}
          value={show}
          onChange={(next) => onSearch({ ...search, show: next })}
        />
      </div>
      {report.isError ? (
        <Failed error={report.error} retry={() => void report.refetch()} />
      ) : !report.data ? (
        <div role="status" aria-label="Loading" className="flex flex-col gap-5">
          <Skeleton className="h-20" />
          <Skeleton className="h-80" />
        </div>
      ) : report.data.totals.runs === 0 ? (
        <Card>
          <Empty icon={<ChartColumn aria-hidden />} title="Nothing ran in this time">
            Choose a longer time, or run something in the playground.
          </Empty>
        </Card>
      ) : (
        <div className="flex flex-col gap-5" aria-busy={report.isPlaceholderData}>
          <Totals totals={report.data.totals} />
          <Card title={`${measures[show]} by ${groupings[by].toLowerCase()}`}>
            <div className="px-4 py-4 sm:px-5">
              <UsageChart report={report.data} measure={show} name={name} />
            </div>
            <GroupTable report={report.data} measure={show} by={by} name={name} />
          </Card>
          <ChangesCard
            marks={report.data.marks}
            projects={projectId === undefined ? (projects.data ?? []) : undefined}
          />
        </div>
      )}
    </>
  )
}

function Totals({ totals }: { totals: Sums }) {
  const { runs, failed, tokens, costNanoUsd, unpriced } = totals
  // A run that failed before any answer has a price, nothing: it makes nothing known of the others.
  const known = unpriced === 0 || costNanoUsd > 0
  return (
    <dl className="grid grid-cols-2 gap-px overflow-hidden rounded-xl border bg-line lg:grid-cols-4">
      <Figure
        name="Cost"
        value={known ? usd(costNanoUsd) : 'Unknown'}
        note={
          unpriced > 0
            ? `${count(unpriced)} ${unpriced === 1 ? 'run has' : 'runs have'} no known price`
            : 'Every run is priced'
        }
      />
      <Figure name="Tokens" value={count(tokens)} note={`${count(Math.round(tokens / runs))} a run`} />
      <Figure name="Runs" value={count(runs)} note={`${count(runs - failed)} did not fail`} />
      <Figure name="Failed" value={count(failed)} note={`${((failed / runs) * 100).toFixed(1)} % of all`} />
    </dl>
  )
}

const Figure = ({ name, value, note }: { name: string; value: string; note: string }) => (
  <div className="bg-panel px-4 py-3.5 sm:px-5">
    <dt className="text-[13px] text-muted">{name}</dt>
    <dd>
      <span className="tnum block text-xl font-semibold tracking-tight">{value}</span>
      <span className="tnum text-xs text-muted">{note}</span>
    </dd>
  </div>
)
