import { Card } from '../../components/ui/surface.tsx'
import { bytes, count } from '../../lib/format.ts'
import { Bar } from './bar.tsx'
import type { Usage } from './queries.ts'

const MB = 1024 * 1024

/** What the project keeps now, against what it may keep: by its own limits, or the server's. */
export function KeptCard({ usage: { limits, server, kept } }: { usage: Usage }) {
  const megabytes = limits.storedMegabytes ?? server.storedMegabytes
  return (
    <Card title="Kept now" description="Files that clients uploaded and runs made, and sessions that have not expired.">
      <ul className="flex flex-col gap-4 px-4 py-4 sm:px-5">
        <Line name="Size of files" used={kept.bytes} most={megabytes * MB} said={bytes} />
        <Line name="Number of files" used={kept.files} most={limits.storedFiles ?? server.storedFiles} said={count} />
        <Line name="Sessions" used={kept.openSessions} most={limits.openSessions ?? server.openSessions} said={count} />
      </ul>
    </Card>
  )
}

type LineProps = { name: string; used: number /** 0: any number. */; most: number; said: (value: number) => string }

function Line({ name, used, most, said }: LineProps) {
  const share = most > 0 ? used / most : 0
  return (
    <li>
      <div className="mb-1.5 flex flex-wrap justify-between gap-x-4 text-[13px]">
        <span className="font-medium">{name}</span>
        <span className="tnum text-muted">
          {said(used)} {most > 0 ? `of ${said(most)}` : '(no limit)'}
        </span>
      </div>
      {most > 0 && (
        <Bar value={share} tone={share >= 1 ? 'bad' : share >= 0.8 ? 'warn' : 'good'} label={`${name}: used`} />
      )}
    </li>
  )
}
