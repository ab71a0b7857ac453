import type { Content } from './pdfmake.ts'

export const ink = {
  text: '#1c1b19',
  muted: '#6b6860',
  line: '#dcd9d2',
  sunken: '#f4f3f0',
  accent: '#0f766e',
  past: '#b9b5aa',
  good: '#15803d',
  warn: '#b45309',
  bad: '#b91c1c',
}

const iso = (ms: number) => new Date(ms).toISOString()
/** `2026-11-23`. */
export const date = (ms: number) => iso(ms).slice(0, 10)
/** `2026-11-23 14:30:05`. */
export const moment = (ms: number) => iso(ms).slice(0, 19).replace('T', ' ')
/** One decimal while it says something. */
export const days = (n: number) =>
  n < 10 && !Number.isInteger(n) ? `${n.toFixed(1)}\u00a0days` : `${Math.round(n)}\u00a0days`

/** A line with a mark before it: what was looked at, and whether it is well. */
export const verdict = (good: boolean, text: string): Content => ({
  margin: [0, 0, 0, 4],
  columns: [
    { width: 12, canvas: [{ type: 'ellipse', x: 4, y: 6, r1: 3.5, r2: 3.5, color: good ? ink.good : ink.bad }] },
    { text, bold: true, fontSize: 10, color: good ? ink.text : ink.bad },
  ],
})

/** A table with a head that is repeated on every page. */
export const table = (
  widths: (string | number)[],
  head: readonly string[],
  rows: readonly (readonly Content[])[],
): Content => ({
  table: {
    headerRows: 1,
    dontBreakRows: true,
    // It is written to while the document is laid out.
    widths: [...widths],
    body: [head.map((text) => ({ text, style: 'label' })), ...rows.map((row) => [...row])],
  },
  layout: {
    hLineWidth: () => 0.5,
    vLineWidth: () => 0,
    hLineColor: () => ink.line,
    fillColor: (row: number) => (row === 0 ? ink.sunken : null),
    paddingTop: () => 4,
    paddingBottom: () => 4,
    paddingLeft: () => 5,
    paddingRight: () => 5,
  },
})
