import { format } from 'date-fns'
import { dateTime } from '../../lib/format.ts'
import type { AuditedKey } from './queries.ts'
import { place, ticks } from './timeline.ts'

const ROW = 30
const colours = { used: 'var(--accent)', past: 'var(--line-strong)', overdue: 'var(--warn)', bad: 'var(--bad)' }

const colourOf = (key: AuditedKey) => {
  if (key.runsAfterReplaced > 0) return colours.bad
  if (key.overdue || key.alsoIn.length > 0 || key.cameBack) return colours.overdue
  return key.to === null ? colours.used : colours.past
}

/** The keys of a project as bars over time. The table beside it says the same in words. */
export function TimelinePicture({ keys, now }: { keys: readonly AuditedKey[]; now: number }) {
  const start = Math.min(...keys.map((k) => k.from))
  const range = { start, end: Math.max(now, start + 60_000) }
  const label = range.end - range.start < 2 * 86_400_000 ? 'HH:mm:ss' : 'd MMM'
  const height = keys.length * ROW + 26
  return (
    <svg
      width="100%"
      height={height}
      role="img"
      aria-label={`Timeline of ${keys.length} keys since ${dateTime(start)}`}
      className="overflow-visible"
    >
      {ticks(range).map((at, i, all) => (
        <g key={at}>
          <line
            x1={`${(i / (all.length - 1)) * 100}%`}
            x2={`${(i / (all.length - 1)) * 100}%`}
            y1={0}
            y2={height - 22}
            stroke="var(--line)"
          />
          <text
            x={`${(i / (all.length - 1)) * 100}%`}
            y={height - 6}
            fontSize={11}
            fill="var(--muted)"
            textAnchor={i === 0 ? 'start' : i === all.length - 1 ? 'end' : 'middle'}
          >
            {format(at, label)}
          </text>
        </g>
      ))}
      {keys.map((key, i) => {
        const { left, width } = place(key.from, key.to, range)
        const end = left > 0.6
        return (
          <g key={`${key.fingerprint}-${key.from}`}>
            <title>{`${key.fingerprint}: ${dateTime(key.from)} to ${key.to === null ? 'now' : dateTime(key.to)}, ${key.runs} runs`}</title>
            <rect
              x={`${left * 100}%`}
              y={i * ROW + 5}
              width={`${width * 100}%`}
              height={ROW - 12}
              rx={4}
              fill={colourOf(key)}
              fillOpacity={key.to === null ? 0.9 : 0.75}
            />
            <text
              x={`${(end ? left : left + width) * 100}%`}
              dx={end ? -8 : 8}
              y={i * ROW + 18}
              fontSize={11}
              fontFamily="var(--font-mono)"
              fill="var(--text)"
              textAnchor={end || left + width > 0.75 ? 'end' : 'start'}
            >
              {left + width > 0.75 && !end ? '' : key.fingerprint}
            </text>
          </g>
        )
      })}
    </svg>
  )
}
