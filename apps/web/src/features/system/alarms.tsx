import { Link } from '@tanstack/react-router'
import { Notice } from '../../components/ui/states.tsx'
import { At } from '../../components/ui/time.tsx'
import { useAlarms } from './queries.ts'

/** Stands on every page while the history is not being signed, what pages show has stopped, a server cannot write its disk, or its clock is off. */
export function Alarms() {
  const { data } = useAlarms()
  if (!data) return null
  const { alarm, disk, stopped, setAside, clocks } = data
  if (!alarm && !disk && stopped.length + setAside.length + clocks.length === 0) return null
  return (
    <div className="mb-5 flex flex-col gap-3">
      {data.disk && (
        <Notice tone="bad" title="The server cannot write its disk">
          <span className="break-words">
            {data.disk.folder}: {data.disk.message}
          </span>{' '}
          Since <At at={data.disk.since} />.
        </Notice>
      )}
      {data.alarm && (
        <Notice tone="bad" title="The history is not being signed">
          <span className="break-words">{data.alarm.message}</span> Since <At at={data.alarm.since} />.
        </Notice>
      )}
      {data.stopped.length > 0 && (
        <Notice tone="bad" title="What these pages show is not complete">
          {data.stopped.length === 1 ? 'The read model ' : 'The read models '}
          {data.stopped.map(({ view }) => view).join(', ')} stopped. {data.stopped.map(({ means }) => means).join(' ')}{' '}
          <Link to="/system" className="font-medium underline underline-offset-2">
            See why, and what to do
          </Link>
        </Notice>
      )}
      {data.setAside.length > 0 && (
        <Notice tone="bad" title="Some rows on these pages are not up to date">
          The database refused {data.setAside.map(({ view, count }) => `${count} in ${view}`).join(', ')}; everything
          else is shown as it is.{' '}
          <Link to="/system" className="font-medium underline underline-offset-2">
            See which, and what to do
          </Link>
        </Notice>
      )}
      {data.clocks.length > 0 && (
        <Notice tone="warn" title="Clocks differ">
          {data.clocks.map(({ node, by }) => `The clock of ${node} is ${by}'s.`).join(' ')} Synchronise the clocks of
          servers and database (NTP).
        </Notice>
      )}
    </div>
  )
}
