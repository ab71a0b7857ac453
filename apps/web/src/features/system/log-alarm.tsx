import { Notice } from '../../components/ui/states.tsx'
import { At } from '../../components/ui/time.tsx'
import { useLogAlarm } from './queries.ts'

/** Stands on every page while the history is not being signed. */
export function LogAlarm() {
  const { data: alarm } = useLogAlarm()
  if (!alarm) return null
  return (
    <div className="mb-5">
      <Notice tone="bad" title="The history is not being signed">
        <span className="break-words">{alarm.message}</span> Since <At at={alarm.since} />.
      </Notice>
    </div>
  )
}
