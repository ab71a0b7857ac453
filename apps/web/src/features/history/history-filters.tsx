import { eventTypes } from '@stewrd/core/catalog.ts'
import { nouns } from '@stewrd/core/kernel/event.ts'
import { X } from 'lucide-react'
import { Button } from '../../components/ui/button.tsx'
import { Input, Select } from '../../components/ui/field.tsx'
import type { HistorySearch } from './search.ts'

const nounNames: Record<(typeof nouns)[number], string> = {
  projects: 'Project',
  llm: 'LLM configuration',
  'key-health': 'Key health',
  'api-keys': 'API key',
  runs: 'Runs',
  keyring: 'Master keys',
  sessions: 'Sessions',
  files: 'Files',
  'key-custody': 'Key custody',
  webhooks: 'Webhooks',
  credits: 'Credits',
  prices: 'Prices',
}

type Props = {
  search: HistorySearch
  onSearch: (search: HistorySearch) => void
  actors: readonly { id: string; label: string }[]
}

/** Filters of the history; they stand in the URL. */
export function HistoryFilters({ search, onSearch, actors }: Props) {
  const set = (part: { [K in keyof HistorySearch]?: string | undefined }) => {
    const next = { ...search, ...part } as Record<string, unknown>
    for (const key of Object.keys(next)) if (next[key] === '' || next[key] === undefined) delete next[key]
    onSearch(next)
  }
  const types = search.noun ? eventTypes[search.noun] : Object.values(eventTypes).flat()
  const known =
    search.actor && !actors.some((a) => a.id === search.actor)
      ? [...actors, { id: search.actor, label: search.actor }]
      : actors
  const any = Object.keys(search).some((key) => key !== 'event')
  return (
    <div role="group" aria-label="Filters" className="mb-3 flex flex-wrap items-center gap-2">
      <Select
        aria-label="Kind"
        className="h-8 w-auto text-[13px]"
        value={search.noun ?? ''}
        onChange={(e) => set({ noun: e.target.value, type: undefined })}
      >
        <option value="">All kinds</option>
        {nouns.map((noun) => (
          <option key={noun} value={noun}>
            {nounNames[noun]}
          </option>
        ))}
      </Select>
      <Select
        aria-label="Event type"
        className="h-8 w-auto text-[13px]"
        value={search.type ?? ''}
        onChange={(e) => set({ type: e.target.value })}
      >
        <option value="">All events</option>
        {types.map((type) => (
          <option key={type} value={type}>
            {type}
          </option>
        ))}
      </Select>
      <Select
        aria-label="Actor"
        className="h-8 w-auto max-w-48 text-[13px]"
        value={search.actor ?? ''}
        onChange={(e) => set({ actor: e.target.value })}
      >
        <option value="">Everybody</option>
        {known.map(({ id, label }) => (
          <option key={id} value={id}>
            {label}
          </option>
        ))}
      </Select>
      <Input
        aria-label="From day"
        type="date"
        className="h-8 w-auto text-[13px]"
        value={search.from ?? ''}
        onChange={(e) => set({ from: e.target.value })}
      />
      <Input
        aria-label="To day"
        type="date"
        className="h-8 w-auto text-[13px]"
        value={search.to ?? ''}
        onChange={(e) => set({ to: e.target.value })}
      />
      {any && (
        <Button size="sm" look="ghost" onClick={() => onSearch({})}>
          <X aria-hidden /> Clear filters
        </Button>
      )}
    </div>
  )
}
