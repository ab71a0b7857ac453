import { X } from 'lucide-react'
import { Button } from '../../components/ui/button.tsx'
import { Select } from '../../components/ui/field.tsx'
import { Mono } from '../../components/ui/surface.tsx'
import { trpc } from '../../lib/trpc.ts'
import { statusName } from './run-status.tsx'
import { RunsSearch } from './search.ts'

const statuses = (['running', 'waiting', 'completed', 'failed', 'cancelled'] as const).map(
  (status) => [status, statusName(status)] as const,
)

type Props = { projectId: string; search: RunsSearch; onSearch: (search: RunsSearch) => void }

/** What the list shows: by status, model and key, and of one session. */
export function RunFilters({ projectId, search, onSearch }: Props) {
  const facets = trpc.runs.facets.useQuery({ projectId })
  const isFiltered = Object.values(search).some((value) => value !== undefined)
  const set = (change: Record<string, string | undefined>) => onSearch(RunsSearch.parse({ ...search, ...change }))
  const select = (
    name: keyof RunsSearch,
    label: string,
    all: string,
    options: readonly (readonly [string, string])[],
  ) => (
    <Select
      aria-label={label}
      className="h-8 w-auto max-w-56 text-[13px]"
      value={search[name] ?? ''}
      onChange={(event) => set({ [name]: event.target.value || undefined })}
    >
      <option value="">{all}</option>
      {options.map(([value, text]) => (
        <option key={value} value={value}>
          {text}
        </option>
      ))}
    </Select>
  )
  const listed = (values: readonly string[] = [], chosen: string | undefined) =>
    [...new Set([...values, ...(chosen ? [chosen] : [])])].map((value) => [value, value] as const)
  return (
    <div className="mb-4 flex flex-wrap items-center gap-2" role="search" aria-label="Filter runs">
      {select('status', 'Status', 'Any status', statuses)}
      {select('model', 'Model', 'Any model', listed(facets.data?.model, search.model))}
      {select('key', 'Key', 'Any key', listed(facets.data?.keyFingerprint, search.key))}
      {search.session && (
        <span className="inline-flex items-center gap-1.5 rounded-md border bg-sunken py-1 pr-1 pl-2.5 text-[13px]">
          Session <Mono className="text-xs">{search.session.slice(0, 8)}…</Mono>
          <button
            type="button"
            aria-label="Runs of any session"
            className="rounded p-1 text-muted hover:text-text"
            onClick={() => set({ session: undefined })}
          >
            <X className="size-3.5" aria-hidden />
          </button>
        </span>
      )}
      {isFiltered && (
        <Button size="sm" look="ghost" onClick={() => onSearch({})}>
          Clear
        </Button>
      )}
    </div>
  )
}
