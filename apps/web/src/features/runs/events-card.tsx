import { ChevronRight } from 'lucide-react'
import { CopyButton } from '../../components/ui/copy-button.tsx'
import { Card, Mono } from '../../components/ui/surface.tsx'
import { At } from '../../components/ui/time.tsx'
import type { RunDetail } from './queries.ts'

/** The run as it is recorded: every event of its stream, decrypted. */
export function EventsCard({ events }: { events: RunDetail['events'] }) {
  return (
    <Card
      title="Events"
      description="What is recorded of this run, event by event."
      actions={<CopyButton text={JSON.stringify(events, null, 2)} label="Copy JSON" />}
    >
      <ol className="divide-y text-[13px]">
        {events.map(({ seq, at, actor, eventId, event }) => (
          <li key={eventId}>
            <details className="group">
              <summary className="flex cursor-pointer list-none flex-wrap items-center gap-x-3 gap-y-1 px-4 py-2.5 hover:bg-sunken/60 sm:px-5">
                <ChevronRight
                  className="size-3.5 shrink-0 text-muted transition-transform group-open:rotate-90"
                  aria-hidden
                />
                <span className="tnum w-6 text-muted">{seq}</span>
                <span className="font-medium">{event.type}</span>
                <span className="text-xs text-muted">v{event.version}</span>
                <span className="ml-auto text-xs text-muted">
                  <At at={at} />
                </span>
              </summary>
              <div className="px-4 pb-3 sm:px-5">
                <p className="mb-2 flex flex-wrap gap-x-4 text-xs text-muted">
                  <span>
                    by <Mono className="text-xs">{actor}</Mono>
                  </span>
                  <span>
                    id <Mono className="text-xs">{eventId}</Mono>
                  </span>
                </p>
                <pre
                  className="max-h-96 overflow-auto rounded-md border bg-sunken p-3 font-mono text-xs leading-relaxed"
                  tabIndex={0}
                  aria-label={`Data of ${event.type}`}
                >
                  {JSON.stringify(event.data, null, 2)}
                </pre>
              </div>
            </details>
          </li>
        ))}
      </ol>
    </Card>
  )
}
