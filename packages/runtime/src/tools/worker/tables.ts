import { parse } from 'csv-parse/sync'
import ExcelJS from 'exceljs'
import type { TableFormat } from '../readable.ts'
import { tableFormat } from '../readable.ts'
import { decoded } from './decoded.ts'
import type { Content } from './jobs.ts'
import { JobRefused } from './jobs.ts'
import { refuseBombs } from './unpacked.ts'

export type Cell = string | number | null
/** `name` is what SQL calls it. Each row has as many cells as there are columns. */
export type Table = { name: string; file: string; columns: string[]; rows: Cell[][] }
type Sheet = { sheet: string | null; columns: string[]; rows: Cell[][] }

const MOST_ROWS = 1_000_000
const MOST_COLUMNS = 500

/** Every table of the files: one of a CSV or JSON file, one of each sheet. */
export async function readTables(files: readonly Content[]): Promise<Table[]> {
  const tables: Table[] = []
  for (const file of files) {
    const sheets = await sheetsOf(file)
    for (const { sheet, columns, rows } of sheets) {
      if (rows.length > MOST_ROWS) throw new JobRefused(`The file ${file.name} has more than ${MOST_ROWS} rows.`)
      if (columns.length > MOST_COLUMNS)
        throw new JobRefused(`The file ${file.name} has more than ${MOST_COLUMNS} columns.`)
      const stem = file.name.replace(/\.[^.]*$/, '')
      const name = unique(
        sqlName(sheet === null || sheets.length === 1 ? stem : `${stem}_${sheet}`),
        tables.map((t) => t.name),
      )
      tables.push({ name, file: file.name, columns: uniqueNames(columns), rows })
    }
  }
  return tables
}

async function sheetsOf({ name, bytes }: Content): Promise<Sheet[]> {
  const format = tableFormat(name)
  if (!format) throw new JobRefused(`The file ${name} holds no tables: CSV, TSV, JSON, JSON Lines and XLSX do.`)
  return readers[format](bytes, name)
}

const readers: Record<TableFormat, (bytes: Uint8Array, name: string) => Sheet[] | Promise<Sheet[]>> = {
  csv: (bytes, name) => separated(decoded(bytes), name),
  tsv: (bytes, name) => separated(decoded(bytes), name, '\t'),
  json: (bytes, name) => jsonSheets(jsonOf(decoded(bytes), name)),
  jsonl: lines,
  ndjson: lines,
  xlsx: workbook,
}

function separated(text: string, name: string, delimiter = delimiterOf(text)): Sheet[] {
  try {
    const [head = [], ...rows] = parse(text, {
      delimiter,
      bom: true,
      skip_empty_lines: true,
      relax_column_count: true,
      relax_quotes: true,
      to: MOST_ROWS + 2,
    })
    const width = rows.reduce((most, row) => Math.max(most, row.length), head.length)
    const columns = Array.from({ length: width }, (_, i) => head[i] ?? '')
    return [{ sheet: null, columns, rows: typed(rows, width) }]
  } catch {
    throw new JobRefused(
      `The file ${name} cannot be read as ${delimiter === '\t' ? 'TSV' : 'CSV'}: a quote is not closed.`,
    )
  }
}

/** What separates most fields of the first line. */
function delimiterOf(text: string): string {
  const first = text.slice(0, 10_000).split('\n', 1)[0]!
  const counts = [',', ';', '\t', '|'].map((d) => [d, first.split(d).length] as const)
  return counts.reduce((best, one) => (one[1] > best[1] ? one : best))[0]
}

const isNumber = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/
// A leading zero, as of a postcode, is part of the text.
const looksLikeNumber = (cell: string) =>
  isNumber.test(cell) && !/^[+-]?0\d/.test(cell) && cell.replace(/\D/g, '').length <= 15

/** Columns in which every cell is a number are numbers; an empty cell is null in those, and in every other one too. */
function typed(rows: readonly string[][], width: number): Cell[][] {
  const numeric = Array.from({ length: width }, (_, i) =>
    rows.every((row) => !row[i]?.trim() || looksLikeNumber(row[i].trim())),
  )
  return rows.map((row) =>
    numeric.map((isNumeric, i) => {
      const cell = row[i]
      if (cell === undefined || cell === '') return null
      return isNumeric ? (cell.trim() === '' ? null : Number(cell)) : cell
    }),
  )
}

function jsonOf(text: string, name: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch {
    throw new JobRefused(`The file ${name} is not valid JSON.`)
  }
}

function lines(bytes: Uint8Array, name: string): Sheet[] {
  const rows = decoded(bytes)
    .split('\n')
    .filter((line) => line.trim() !== '')
  return [
    records(
      rows.map((line) => jsonOf(line, name)),
      null,
    ),
  ]
}

/** A list is a table. Of an object each list in it is one; an object without lists is one row. */
function jsonSheets(value: unknown): Sheet[] {
  if (Array.isArray(value)) return [records(value, null)]
  if (typeof value !== 'object' || value === null) return [records([value], null)]
  const lists = Object.entries(value).filter(([, v]) => Array.isArray(v) && v.some((one) => isRecord(one)))
  if (lists.length === 0) return [records([value], null)]
  return lists.map(([key, list]) => records(list as unknown[], key))
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function records(list: readonly unknown[], sheet: string | null): Sheet {
  const objects = list.map((one) => (isRecord(one) ? one : { value: one }))
  const columns = [...new Set(objects.flatMap((one) => Object.keys(one)))]
  return { sheet, columns, rows: objects.map((one) => columns.map((column) => cellOf(one[column]))) }
}

function cellOf(value: unknown): Cell {
  if (value === null || value === undefined) return null
  if (typeof value === 'number') return value
  if (typeof value === 'boolean') return value ? 1 : 0
  return typeof value === 'string' ? value : JSON.stringify(value)
}

async function workbook(bytes: Uint8Array, name: string): Promise<Sheet[]> {
  await refuseBombs(bytes)
  const book = new ExcelJS.Workbook()
  try {
    await book.xlsx.load(Uint8Array.from(bytes).buffer)
  } catch {
    throw new JobRefused(`The file ${name} is damaged, or is not an XLSX.`)
  }
  const sheets = book.worksheets.map(sheetOf).filter(({ columns }) => columns.length > 0)
  if (sheets.length === 0) throw new JobRefused(`The file ${name} holds no cells.`)
  return sheets
}

function sheetOf(sheet: ExcelJS.Worksheet): Sheet {
  const rows: Cell[][] = []
  sheet.eachRow({ includeEmpty: false }, (row) => {
    const values = Array.isArray(row.values) ? row.values.slice(1) : []
    rows.push(Array.from(values, excelCell))
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

function excelCell(value: ExcelJS.CellValue | undefined): Cell {
  if (value === null || value === undefined) return null
  if (value instanceof Date) return value.toISOString().replace('T00:00:00.000Z', '')
  if (typeof value !== 'object') return cellOf(value)
  if ('result' in value) return excelCell(value.result)
  if ('richText' in value) return value.richText.map(({ text }) => text).join('')
  if ('text' in value) return value.text
  return null
}

/** Letters, digits and underscores, as SQL takes them without quotes. */
function sqlName(text: string): string {
  const name = text
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .toLowerCase()
    .slice(0, 60)
  return /^[a-z]/.test(name) ? name : `t_${name}`.replace(/_$/, '')
}

function unique(name: string, taken: readonly string[]): string {
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? name : `${name}_${n}`
    if (!taken.some((one) => one.toLowerCase() === candidate.toLowerCase())) return candidate
  }
}

function uniqueNames(columns: readonly string[]): string[] {
  const names: string[] = []
  columns.forEach((column, i) => names.push(unique(column.trim() || `column_${i + 1}`, names)))
  return names
}
