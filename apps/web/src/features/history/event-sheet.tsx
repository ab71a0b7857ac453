import type { ReactNode } from 'react'
import { Dialog } from '../../components/ui/dialog.tsx'
import { Failed, Notice, Skeleton } from '../../components/ui/states.tsx'
import { Mono } from '../../components/ui/surface.tsx'
import { At } from '../../components/ui/time.tsx'
import { EventProof } from '../proof/event-proof.tsx'
import { useHistoryEvent } from './queries.ts'
import { Sentence } from './sentence.tsx'
import { StateDiff } from './state-diff.tsx'

/** One event: what it says, what it changed, and where it stands in stream and log. */
export function EventSheet({ index, onClose }: { index: number | undefined; onClose: () => void }) {
  const event = useHistoryEvent(index)
  const shredded = event.data?.entry.unreadable === 'SHREDDED'
  return (
    <Dialog
      open={index !== undefined}
      onOpenChange={(open) => !open && onClose()}
      title={`Event #${index ?? ''}`}
      shape="sheet"
    >
      {event.isError ? (
        <Failed error={event.error} retry={() => void event.refetch()} />
      ) : !event.data ? (
        <div role="status" aria-label="Loading" className="flex flex-col gap-4 p-5">
          <Skeleton className="h-5 w-4/5" />
          <Skeleton className="h-32" />
          <Skeleton className="h-40" />
        </div>
      ) : (
        <div className="flex flex-col gap-6 p-5 text-[13.5px]">
          <p className="leading-relaxed">
            <Sentence entry={event.data.entry} />
          </p>
          {shredded && (
            <Notice title="Its contents were shredded">
              The keys of this project are destroyed. That the event happened, when, and by whom, stays proved.
            </Notice>
          )}
          {event.data.entry.unreadable && !shredded && (
            <Notice tone="bad" title="This event cannot be opened">
              Its row is there, but what was sealed in it cannot be read ({event.data.entry.unreadable}).
            </Notice>
          )}
          {!shredded && (
            <Section title="What it changed">
              {event.data.after ? (
                <StateDiff before={event.data.before ?? {}} after={event.data.after} />
              ) : (
                <p className="text-muted">The state before and after cannot be shown.</p>
              )}
            </Section>
          )}
          <Section title="Where it stands">
            <dl className="grid grid-cols-[7rem_minmax(0,1fr)] gap-y-2">
              <Fact name="Type">
                <Mono>{event.data.entry.type}</Mono>
              </Fact>
              <Fact name="Time">
                <At at={event.data.entry.at} />
              </Fact>
              <Fact name="Actor">
                {event.data.entry.actor.label} <Mono className="text-muted">{event.data.entry.actor.id}</Mono>
              </Fact>
              <Fact name="Revision">
                <span className="tnum">{event.data.entry.revision}</span> of <Mono>{event.data.entry.stream}</Mono>
              </Fact>
              <Fact name="Log index">
                <span className="tnum">{event.data.entry.index}</span>
              </Fact>
              <Fact name="Proof">
                <EventProof index={event.data.entry.index} />
              </Fact>
            </dl>
          </Section>
          {!shredded && (
            <Section title="Data">
              <pre
                tabIndex={0}
                aria-label="Event data"
                className="max-h-96 overflow-auto rounded-lg border bg-sunken p-3 font-mono text-[12px] leading-relaxed"
              >
                {JSON.stringify(event.data.entry.data, null, 2)}
              </pre>
            </Section>
          )}
        </div>
      )}
    </Dialog>
  )
}

const Section = ({ title, children }: { title: string; children: ReactNode }) => (
  <section>
    <h3 className="mb-2 text-xs font-medium text-muted">{title}</h3>
    {children}
  </section>
)

const Fact = ({ name, children }: { name: string; children: ReactNode }) => (
  <>
    <dt className="text-muted">{name}</dt>
    <dd className="min-w-0">{children}</dd>
  </>
)
