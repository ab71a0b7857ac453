import { Badge, Card, Mono } from '../../components/ui/surface.tsx'
import { count } from '../../lib/format.ts'
import type { Outputs } from '../../lib/trpc.ts'

type View = Outputs['system']['health']['views'][number]

/** How far each read model follows the log, how fast, and why one stopped. */
export function ReadModelsCard({ views }: { views: readonly View[] }) {
  return (
    <Card
      title="Read models"
      description="What pages show is projected from the log. How far each follows it, and how fast."
    >
      <ul className="divide-y">
        {views.map((view) => (
          <li key={view.view} className="px-5 py-2.5 text-[13px]">
            <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
              <Mono className="flex-1">{view.view}</Mono>
              <span className="tnum whitespace-nowrap text-muted">{pace(view)}</span>
              <Standing view={view} />
            </div>
            {view.stopped && <Why stopped={view.stopped} />}
            {view.setAside && <LeftOut setAside={view.setAside} />}
          </li>
        ))}
      </ul>
    </Card>
  )
}

function Standing({ view: { behind, stopped, setAside } }: { view: View }) {
  if (stopped) return <Badge tone="bad">Stopped</Badge>
  if (setAside) return <Badge tone="bad">{count(setAside.count)} set aside</Badge>
  if (behind > 0) return <Badge tone="warn">{count(behind)} behind</Badge>
  return <Badge tone="good">Up to date</Badge>
}

const Why = ({ stopped: { at, why, means, mend } }: { stopped: NonNullable<View['stopped']> }) => (
  <p className="mt-1.5 text-muted">
    At event <span className="tnum">{count(at)}</span>: {why}. {means} <span className="text-text">{mend}</span>
  </p>
)

const LeftOut = ({ setAside: { rows, why, mend } }: { setAside: NonNullable<View['setAside']> }) => (
  <div className="mt-1.5 text-muted">
    <p>
      {why}. <span className="text-text">{mend}</span>
    </p>
    <ul>
      {rows.map(({ key, index, code }) => (
        <li key={key} className="break-all">
          <Mono>{key}</Mono> at event <span className="tnum">{count(index)}</span>, code {code}
        </li>
      ))}
    </ul>
  </div>
)

/** "120 events/s", and what is left at that pace. */
function pace({ behind, perSecond, stopped }: View): string {
  if (stopped || perSecond === null) return ''
  const rate = `${perSecond >= 10 || perSecond === 0 ? count(Math.round(perSecond)) : perSecond.toFixed(1)} events/s`
  return behind > 0 && perSecond > 0 ? `${rate}, ${Math.ceil(behind / perSecond)} s left` : rate
}
