import { parse } from 'csv-parse/sync'
import { JobRefused } from './jobs.ts'
import type { Cell } from './numbers.ts'
import { exactNumber } from './numbers.ts'

/** The first row names the columns. `most`: rows that are read. */
export function separated(
  text: string,
  name: string,
  most: number,
  delimiter?: string,
): { columns: string[]; rows: Cell[][] } {
  const { separator, body } = delimiter === undefined ? separatorOf(text) : { separator: delimiter, body: text }
  try {
    const [head = [], ...rows] = parse(body, {
      delimiter: separator,
      bom: true,
      skip_empty_lines: true,
      relax_column_count: true,
      relax_quotes: true,
      to: most + 1,
    })
    const width = rows.reduce((widest, row) => Math.max(widest, row.length), head.length)
    const columns = Array.from({ length: width }, (_, i) => head[i] ?? '')
    return { columns, rows: typed(rows, width) }
  } catch {
    throw new JobRefused(
      `The file ${name} cannot be read as ${separator === '\t' ? 'TSV' : 'CSV'}: a quote is not closed.`,
    )
  }
}

/** Spreadsheets may name the separator in a line of its own. Else it is what separates most fields of the first row. */
function separatorOf(text: string): { separator: string; body: string } {
  const named = /^\uFEFF?sep=(.)\r?\n/i.exec(text)
  if (named) return { separator: named[1]!, body: text.slice(named[0].length) }
  const counts = new Map([',', ';', '\t', '|'].map((one) => [one, 0]))
  let inQuotes = false
  for (const character of text.slice(0, 100_000)) {
    if (character === '"') inQuotes = !inQuotes
    else if (inQuotes) continue
    else if (character === '\n') break
    else if (counts.has(character)) counts.set(character, counts.get(character)! + 1)
  }
  const [separator] = [...counts].reduce((best, one) => (one[1] > best[1] ? one : best))
  return { separator, body: text }
}

/** Undefined for what is no number. A leading zero, as of a postcode, is part of the text. */
const numberIn = (cell: string): Cell | undefined => (/^[+-]?0\d/.test(cell) ? undefined : exactNumber(cell))

/** Columns in which every cell is a number that SQL can hold are numbers; an empty cell is null in those, and in every other one too. */
function typed(rows: readonly string[][], width: number): Cell[][] {
  const numeric = Array.from({ length: width }, (_, i) =>
    rows.every((row) => {
      const cell = row[i]?.trim() ?? ''
      return cell === '' || !['undefined', 'string'].includes(typeof numberIn(cell))
    }),
  )
  return rows.map((row) =>
    numeric.map((isNumeric, i) => {
      const cell = row[i]
      if (cell === undefined || cell === '') return null
      return isNumeric ? (cell.trim() === '' ? null : numberIn(cell.trim())!) : cell
    }),
  )
}
