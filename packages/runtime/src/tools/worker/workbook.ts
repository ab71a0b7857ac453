import ExcelJS from 'exceljs'
import { JobRefused } from './jobs.ts'
import type { Cell } from './numbers.ts'
import { exactNumber } from './numbers.ts'
import { entriesOf, refuseBombs } from './unpacked.ts'

type Sheet = { sheet: string; columns: string[]; rows: Cell[][] }
/** What is written in cells whose number a double does not hold, by address. */
type Written = ReadonlyMap<string, readonly string[]>

/** The sheets of an XLSX that hold cells: values as they are stored, formulas by their stored results. */
export async function workbook(bytes: Uint8Array, name: string): Promise<Sheet[]> {
  await refuseBombs(bytes)
  const book = new ExcelJS.Workbook()
  try {
    await book.xlsx.load(Uint8Array.from(bytes).buffer)
  } catch {
    throw new JobRefused(`The file ${name} is damaged, or is not an XLSX.`)
  }
  const written = await longNumbers(bytes)
  const sheets = book.worksheets.map((sheet) => sheetOf(sheet, written)).filter(({ columns }) => columns.length > 0)
  if (sheets.length === 0) throw new JobRefused(`The file ${name} holds no cells.`)
  return sheets
}

function sheetOf(sheet: ExcelJS.Worksheet, written: Written): Sheet {
  const rows: Cell[][] = []
  sheet.eachRow({ includeEmpty: false }, (row) => {
    const values = Array.isArray(row.values) ? row.values.slice(1) : []
    rows.push(Array.from(values, (value, i) => exact(excelCell(value), written, row, i + 1)))
  })
  const [head = [], ...body] = rows
  const width = rows.reduce((most, row) => Math.max(most, row.length), 0)
  const full = (row: readonly Cell[]) => Array.from({ length: width }, (_, i) => row[i] ?? null)
  return {
    sheet: sheet.name,
    columns: full(head).map((cell) => (cell === null ? '' : String(cell))),
    rows: body.map(full),
  }
}

/** The library has made a double of each number. */
function exact(cell: Cell, written: Written, row: ExcelJS.Row, column: number): Cell {
  if (typeof cell !== 'number' || written.size === 0) return cell
  const text = written.get(row.getCell(column).address)?.find((one) => Number(one) === cell)
  return text === undefined ? cell : (exactNumber(text) ?? cell)
}

function excelCell(value: unknown): Cell {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return value ? 1n : 0n
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value
  if (typeof value !== 'object' || value === null) return null
  if (value instanceof Date) return dateOf(value)
  // A formula has a result, a link has a text, and each may be rich text in turn.
  const { result, richText, text } = value as { result?: unknown; richText?: unknown; text?: unknown }
  if (result !== undefined) return excelCell(result)
  if (Array.isArray(richText)) return richText.map((run: { text?: unknown }) => excelCell(run?.text) ?? '').join('')
  return text === undefined ? null : excelCell(text)
}

/** A number that is shown as a date may be none that there is. */
export const dateOf = (date: Date) =>
  Number.isNaN(date.getTime()) ? 'invalid date' : date.toISOString().replace('T00:00:00.000Z', '')

/** Of the sheets' own text, which is looked through only where there is any. */
async function longNumbers(bytes: Uint8Array): Promise<Written> {
  const written = new Map<string, string[]>()
  const sheets = await entriesOf(bytes, (path) => /^xl\/worksheets\/[^/]+\.xml$/.test(path))
  for (const xml of sheets.values())
    for (const [, address, value] of xml
      .toString('utf8')
      .matchAll(/<c r="([A-Z]+\d+)"[^>]*>(?:<f[^<]*<\/f>)?<v>([+-]?[\d.]{16,}(?:[eE][+-]?\d+)?)<\/v>/g))
      if (typeof exactNumber(value!) === 'string') written.set(address!, [...(written.get(address!) ?? []), value!])
  return written
}
