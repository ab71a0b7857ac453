import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { ScrollText } from 'lucide-react'
import { useMemo, useState } from 'react'
import { Empty, Failed, Rows } from '../../components/ui/states.tsx'
import { Badge, Card, PageHeader } from '../../components/ui/surface.tsx'
import { count } from '../../lib/format.ts'
import { ExportButton } from '../proof/export-dialog.tsx'
import { EventSheet } from './event-sheet.tsx'
import { HistoryFilters } from './history-filters.tsx'
import { HistoryList } from './history-list.tsx'
import { filterOf, useHistory, useHistoryTail } from './queries.ts'
import type { HistorySearch } from './search.ts'
import { Verification } from './verification.tsx'

export function ProjectHistoryPage() {
  const { projectId } = useParams({ from: '/app/projects/$projectId/history' })
  const search = useSearch({ from: '/app/projects/$projectId/history' })
  const navigate = useNavigate({ from: '/projects/$projectId/history' })
  return (
    <HistoryPage
      projectId={projectId}
      search={search}
      onSearch={(next) => void navigate({ search: next, replace: true, resetScroll: false })}
    />
  )
}

export function AccountHistoryPage() {
  const search = useSearch({ from: '/app/history' })
  const navigate = useNavigate({ from: '/history' })
  return (
    <HistoryPage
      search={search}
      onSearch={(next) => void navigate({ search: next, replace: true, resetScroll: false })}
    />
  )
}

type Props = { projectId?: string; search: HistorySearch; onSearch: (search: HistorySearch) => void }

function HistoryPage({ projectId, search, onSearch }: Props) {
  const filter = filterOf(search, projectId)
  const history = useHistory(filter)
  const entries = useMemo(() => history.data?.pages.flatMap((page) => page.entries) ?? [], [history.data])
  // The tail goes on from the length of the log at the first page: no row is missed between the two.
  const size = history.data?.pages[0]?.size
  const [firstSize, setFirstSize] = useState<number>()
  if (firstSize === undefined && size !== undefined) setFirstSize(size)
  const tail = useHistoryTail(filter, firstSize === undefined ? undefined : firstSize - 1)
  const filtered = Boolean(search.noun ?? search.type ?? search.actor ?? search.from ?? search.to)
  const people = useMemo(() => [...new Map(entries.map((e) => [e.actor.id, e.actor])).values()], [entries])
  return (
    <>
      <PageHeader
        title={projectId ? 'History' : 'History of everything'}
        description="Every change is an event that was sealed when it happened. Open one to see what it changed."
        actions={
          <span className="flex items-center gap-2">
            {size !== undefined && <span className="tnum text-xs text-muted">{count(size)} events in the log</span>}
            <LiveBadge status={tail.status} />
            {projectId && <ExportButton projectId={projectId} />}
          </span>
        }
      />
      <Verification />
      <HistoryFilters search={search} onSearch={onSearch} actors={people} />
      <Card>
        {history.isError ? (
          <Failed error={history.error} retry={() => void history.refetch()} />
        ) : history.isPending ? (
          <Rows count={10} className="h-14" />
        ) : entries.length === 0 ? (
          <Empty
            icon={<ScrollText aria-hidden />}
            title={filtered ? 'No event matches these filters' : 'Nothing has happened yet'}
          >
            {filtered
              ? 'Take a filter away, or choose a longer time.'
              : 'Changes appear here the moment they are made.'}
          </Empty>
        ) : (
          <HistoryList
            entries={entries}
            hasMore={history.hasNextPage}
            loadingMore={history.isFetchingNextPage}
            onMore={() => void history.fetchNextPage()}
            opened={search.event}
            onOpen={(event) => onSearch({ ...search, event })}
          />
        )}
      </Card>
      <EventSheet
        index={search.event}
        onClose={() => {
          const { event: _, ...rest } = search
          onSearch(rest)
        }}
      />
    </>
  )
}

function LiveBadge({ status }: { status: 'idle' | 'connecting' | 'pending' | 'error' }) {
  if (status === 'pending')
    return (
      <Badge tone="good" dot>
        Live
      </Badge>
    )
  if (status === 'error') return <Badge tone="bad">Not live</Badge>
  return <Badge>Connecting</Badge>
}
