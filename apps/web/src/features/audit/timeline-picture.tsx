import { format } from 'date-fns'
import { dateTime } from '../../lib/format.ts'
import type { AuditedKey } from './queries.ts'
import { place, ticks } from './timeline.ts'

const ROW = 30
const colours = { used: 'var(--accent)', past: 'var(--line-strong)', overdue: 'var(--warn)', bad: 'var(--bad)' }

const colourOf = (key: AuditedKey) => {
  if (key.runsAfterReplaced > 0) return colours.bad
  const back = key.cameBack && key.began !== 'rolled back'
  if (key.overdue || key.alsoIn.length > 0 || back) return colours.overdue
  return key.to === null ? colours.used : colours.past
}

/** The keys of a project as bars over time. The table beside it says the same in words. */
export function TimelinePicture({ keys, now }: { keys: readonly AuditedKey[]; now: number }) {
  const start = Math.min(...keys.map((k) => k.from))
  const range = { start, end: Math.max(now, start + 60_000) }
  const label = range.end - range.start < 2 * 86_400_000 ? 'HH:mm:ss' : 'd MMM'
  const height = keys.length * ROW + 26
  return (
    <div className="flex gap-4">
      <ul aria-hidden className="shrink-0 pt-[5px]">
        {keys.map((key) => (
          <li key={`${key.fingerprint}-${key.from}`} style={{ height: ROW }} className="font-mono text-[11px]">
            {key.fingerprint}
          </li>
        ))}
      </ul>
      <svg
        width="100%"
        height={height}
        role="img"
        aria-label={`Timeline of ${keys.length} keys since ${dateTime(start)}`}
        className="overflow-visible"
      >
        {ticks(range).map((at, i, all) => {
          const x = `${(i / (all.length - 1)) * 100}%`
          const textAnchor = i === 0 ? 'start' : i === all.length - 1 ? 'end' : 'middle'
          return (
            <g key={at}>
              <line x1={x} x2={x} y1={0} y2={height - 22} stroke="var(--line)" />
              <text x={x} y={height - 6} fontSize={11} fill="var(--muted)" textAnchor={textAnchor}>
                {format(at, label)}
              </text>
            </g>
          )
        })}
        {keys.map((key, i) => {
          const { left, width } = place(key.from, key.to, range)
          const over =
            key.overlap && place(key.to ?? now, key.overlap.endedAt ?? Math.min(key.overlap.until, now), range)
          return (
            <g key={`${key.fingerprint}-${key.from}`}>
              {over && (
                <rect
                  x={`${over.left * 100}%`}
                  y={i * ROW + 9}
                  width={`${over.width * 100}%`}
                  height={ROW - 20}
                  rx={2}
                  fill={colours.overdue}
                  fillOpacity={0.6}
                >
                  <title>{`${key.fingerprint} was a fallback for ${key.fallbackRuns} runs`}</title>
                </rect>
              )}
              <rect
                x={`${left * 100}%`}
                y={i * ROW + 5}
                width={`${width * 100}%`}
                height={ROW - 12}
                rx={4}
                fill={colourOf(key)}
                fillOpacity={key.to === null ? 0.9 : 0.75}
              >
                <title>{`${key.fingerprint}: ${dateTime(key.from)} to ${key.to === null ? 'now' : dateTime(key.to)}, ${key.runs} runs`}</title>
              </rect>
            </g>
          )
        })}
      </svg>
    </div>
  )
}
