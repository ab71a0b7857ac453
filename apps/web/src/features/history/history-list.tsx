import { useVirtualizer } from '@tanstack/react-virtual'
import {
  CircleAlert,
  Coins,
  File,
  FolderKanban,
  HeartPulse,
  KeyRound,
  KeySquare,
  MessagesSquare,
  Play,
  ShieldCheck,
  SlidersHorizontal,
  Tag,
  Webhook,
} from 'lucide-react'
import { useEffect, useRef } from 'react'
import { cn } from '../../lib/cn.ts'
import { ago, dateTime } from '../../lib/format.ts'
import type { HistoryEntry } from './queries.ts'
import { Sentence } from './sentence.tsx'

type Props = {
  entries: readonly HistoryEntry[]
  hasMore: boolean
  loadingMore: boolean
  onMore: () => void
  opened: number | undefined
  onOpen: (index: number) => void
}

const icons = {
  projects: FolderKanban,
  llm: SlidersHorizontal,
  'key-health': HeartPulse,
  'api-keys': KeyRound,
  runs: Play,
  keyring: KeySquare,
  sessions: MessagesSquare,
  files: File,
  'key-custody': ShieldCheck,
  webhooks: Webhook,
  credits: Coins,
  prices: Tag,
} as const

/** Only the rows in view exist in the page, however long the history is. */
export function HistoryList({ entries, hasMore, loadingMore, onMore, opened, onOpen }: Props) {
  const scroller = useRef<HTMLDivElement>(null)
  const rows = useVirtualizer({
    count: entries.length + (hasMore ? 1 : 0),
    getScrollElement: () => scroller.current,
    estimateSize: () => 58,
    overscan: 12,
    getItemKey: (i) => entries[i]?.index ?? 'more',
  })
  const items = rows.getVirtualItems()
  const last = items.at(-1)?.index ?? 0
  useEffect(() => {
    if (hasMore && !loadingMore && last >= entries.length - 1) onMore()
  }, [last, hasMore, loadingMore, entries.length, onMore])
  return (
    <div
      ref={scroller}
      tabIndex={0}
      role="region"
      aria-label="Events, newest first"
      className="max-h-[max(20rem,calc(100dvh-15rem))] overflow-y-auto rounded-xl focus-visible:-outline-offset-2"
    >
      <ol className="relative" style={{ height: rows.getTotalSize() }}>
        {items.map((item) => {
          const entry = entries[item.index]
          return (
            <li
              key={item.key}
              ref={rows.measureElement}
              data-index={item.index}
              className="absolute inset-x-0 border-b"
              style={{ transform: `translateY(${item.start}px)` }}
            >
              {entry ? (
                <Row entry={entry} open={entry.index === opened} onOpen={onOpen} />
              ) : (
                <p className="px-5 py-4 text-[13px] text-muted">Loading older events…</p>
              )}
            </li>
          )
        })}
      </ol>
    </div>
  )
}

function Row({ entry, open, onOpen }: { entry: HistoryEntry; open: boolean; onOpen: (index: number) => void }) {
  const damaged = entry.unreadable !== null && entry.unreadable !== 'SHREDDED'
  const Icon = damaged ? CircleAlert : icons[entry.noun]
  return (
    <button
      type="button"
      onClick={() => onOpen(entry.index)}
      className={cn(
        'grid w-full grid-cols-[auto_minmax(0,1fr)] items-start gap-x-3 px-4 py-3 text-left transition-colors hover:bg-sunken/60 focus-visible:-outline-offset-2 sm:grid-cols-[auto_minmax(0,1fr)_auto] sm:px-5',
        open && 'bg-accent-soft/50',
      )}
    >
      <span
        className={cn(
          'mt-px rounded-md border bg-sunken p-1.5 text-muted',
          entry.type === 'KeyRejected' || entry.type === 'RunFailed' || damaged ? 'text-bad' : '',
        )}
      >
        <Icon className="size-3.5" aria-hidden />
      </span>
      <span className="pt-0.5 text-[13.5px] leading-relaxed">
        <Sentence entry={entry} />
      </span>
      <span className="col-start-2 text-xs text-muted sm:col-start-auto sm:pt-1 sm:text-right">
        <time dateTime={new Date(entry.at).toISOString()} title={dateTime(entry.at)} className="tnum whitespace-nowrap">
          {ago(entry.at)}
        </time>
        <span className="tnum ml-2 text-faint">#{entry.index}</span>
      </span>
    </button>
  )
}
