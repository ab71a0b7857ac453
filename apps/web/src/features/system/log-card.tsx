import type { ReactNode } from 'react'
import { CopyButton } from '../../components/ui/copy-button.tsx'
import { Badge, Card, Mono } from '../../components/ui/surface.tsx'
import { At } from '../../components/ui/time.tsx'
import { count } from '../../lib/format.ts'
import type { Outputs } from '../../lib/trpc.ts'

type Log = Outputs['system']['health']['log']

/** How far the history is signed, and with what anybody can check it. */
export function LogCard({ log }: { log: Log }) {
  return (
    <Card title="Signed history" description="Anybody can check that no event was changed, with the key below.">
      <dl className="grid gap-y-3 px-5 py-4 text-[13px]">
        <Fact name="Signed">
          <Signed log={log} />
        </Fact>
        <Fact name="Origin">
          <Copyable text={log.origin} label="Copy origin" />
        </Fact>
        <Fact name="Verifier key">
          <Copyable text={log.verifierKey} label="Copy key" />
        </Fact>
      </dl>
    </Card>
  )
}

function Signed({ log: { size, checkpoint, alarm } }: { log: Log }) {
  if (!checkpoint) return <>{size === 0 ? 'No event yet' : 'Not yet'}</>
  return (
    <span className="flex flex-wrap items-center gap-x-2 gap-y-1">
      <span className="tnum">
        {count(checkpoint.size)} of {count(size)} events
      </span>
      <Badge tone={alarm ? 'bad' : checkpoint.size === size ? 'good' : 'warn'}>
        {alarm ? 'Stopped' : checkpoint.size === size ? 'Complete' : 'Following'}
      </Badge>
      <span className="text-muted">
        checkpoint of <At at={checkpoint.at} />
      </span>
    </span>
  )
}

const Fact = ({ name, children }: { name: string; children: ReactNode }) => (
  <div className="grid gap-1">
    <dt className="text-muted">{name}</dt>
    <dd className="min-w-0">{children}</dd>
  </div>
)

const Copyable = ({ text, label }: { text: string; label: string }) => (
  <span className="flex items-start gap-3">
    <Mono className="min-w-0 flex-1 break-all">{text}</Mono>
    <CopyButton text={text} label={label} />
  </span>
)
