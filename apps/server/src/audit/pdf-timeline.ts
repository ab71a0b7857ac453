import type { KeyReport } from '@stewrd/core/audit/report.ts'
import type { Content } from './pdfmake.ts'
import { date, ink, moment } from './pdf-parts.ts'

const NAMES = 92
const WIDTH = 511 - NAMES
const ROW = 13
const TICKS = 5
/** More would be a page of bars: the table has them all. */
const MOST = 24

/** The newest keys of a project as bars over time. */
export function pdfTimeline(all: readonly KeyReport[], now: number): Content {
  const keys = all.slice(-MOST)
  const start = Math.min(...keys.map((k) => k.from))
  const span = Math.max(60_000, now - start)
  const x = (at: number) => ((at - start) / span) * WIDTH
  const height = keys.length * ROW + 2
  const ticks = Array.from({ length: TICKS }, (_, i) => start + (span * i) / (TICKS - 1))
  const lines = ticks.map(
    (at): Content => ({
      type: 'line',
      x1: x(at),
      x2: x(at),
      y1: 0,
      y2: height,
      lineWidth: 0.5,
      lineColor: ink.line,
    }),
  )
  const bars = keys.map(
    (key, i): Content => ({
      type: 'rect',
      x: Math.min(x(key.from), WIDTH - 1.5),
      y: i * ROW + 2.5,
      w: Math.max(1.5, x(key.to ?? now) - x(key.from)),
      h: ROW - 5,
      r: 1.5,
      color: colourOf(key),
    }),
  )
  const label = span < 2 * 86_400_000 ? (at: number) => moment(at).slice(11) : date
  return {
    margin: [0, 2, 0, 8],
    stack: [
      {
        columns: [
          { width: NAMES, stack: keys.map((k) => ({ text: k.fingerprint, fontSize: 7, margin: [0, 1.78, 0, 1.78] })) },
          { width: WIDTH, canvas: [...lines, ...bars] },
        ],
      },
      {
        margin: [NAMES, 2, 0, 0],
        columns: ticks.map((at, i) => ({
          width: i === 0 || i === TICKS - 1 ? WIDTH / (TICKS - 1) / 2 : WIDTH / (TICKS - 1),
          text: label(at),
          style: 'small',
          alignment: i === 0 ? 'left' : i === TICKS - 1 ? 'right' : 'center',
        })),
      },
    ],
  }
}

function colourOf(key: KeyReport): string {
  if (key.runsAfterReplaced > 0) return ink.bad
  const back = key.cameBack && key.began !== 'rolled back'
  if (key.overdue || key.alsoIn.length > 0 || back) return ink.warn
  return key.to === null ? ink.accent : ink.past
}
