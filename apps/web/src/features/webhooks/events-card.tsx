import type { OptInEvent } from '@stewrd/core/webhooks/events.ts'
import { optInEvents } from '@stewrd/core/webhooks/events.ts'
import { toast } from 'sonner'
import { Card } from '../../components/ui/surface.tsx'
import { messageOf } from '../../lib/trpc.ts'
import { useChangeEvents } from './queries.ts'

const meanings: Record<OptInEvent, string> = {
  'agent.failed': 'A run failed.',
  'key.rejected': 'The provider rejected the key.',
  'key.overdue': 'The key is overdue for rotation.',
  'credits.low': 'Few credits are left.',
}

type Props = { projectId: string; events: readonly OptInEvent[]; fixed: boolean }

/** What is told besides completed runs. Each change is saved at once. */
export function EventsCard({ projectId, events, fixed }: Props) {
  const change = useChangeEvents()
  // What is being saved shows at once.
  const shown = change.isPending ? (change.variables.events as readonly OptInEvent[]) : events
  const onToggle = async (event: OptInEvent, on: boolean) => {
    const next = on ? [...events, event] : events.filter((other) => other !== event)
    await change.mutateAsync({ projectId, events: next, commandId: crypto.randomUUID() })
  }
  return (
    <Card title="Events" description="What is sent besides completed runs.">
      <fieldset className="flex flex-col gap-2.5 px-4 py-4 text-[13px] sm:px-5" disabled={fixed || change.isPending}>
        <legend className="sr-only">Events that are sent</legend>
        <Choice name="agent.completed" meaning="A run completed. Always sent." checked disabled />
        {optInEvents.map((event) => (
          <Choice
            key={event}
            name={event}
            meaning={meanings[event]}
            checked={shown.includes(event)}
            onToggle={(on) => void onToggle(event, on).catch((error: unknown) => toast.error(messageOf(error)))}
          />
        ))}
      </fieldset>
    </Card>
  )
}

type ChoiceProps = {
  name: string
  meaning: string
  checked: boolean
  disabled?: boolean
  onToggle?: (on: boolean) => void
}

const Choice = ({ name, meaning, checked, disabled = false, onToggle }: ChoiceProps) => (
  <div className="flex items-start gap-x-2.5">
    <input
      id={name}
      type="checkbox"
      aria-describedby={`${name}-meaning`}
      className="mt-0.5 size-4 shrink-0 accent-accent"
      checked={checked}
      disabled={disabled}
      onChange={(event) => onToggle?.(event.target.checked)}
    />
    <span className="flex flex-col gap-x-3 sm:flex-row">
      <label htmlFor={name} className="min-w-32 font-mono text-[12.5px] leading-5">
        {name}
      </label>
      <span id={`${name}-meaning`} className="text-muted">
        {meaning}
      </span>
    </span>
  </div>
)
