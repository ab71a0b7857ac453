import { beginningOf } from '@stewrd/core/kernel/cut.ts'
import type { TableFormat } from '../readable.ts'
import { tableFormat } from '../readable.ts'
import { damageIn, decoded } from './decoded.ts'
import type { Content } from './jobs.ts'
import { JobRefused } from './jobs.ts'
import type { Cell } from './numbers.ts'
import { exactNumber } from './numbers.ts'
import { separated } from './separated.ts'

/** `name` is what SQL calls it. Each row has as many cells as there are columns. `note`: what is wrong with the file. */
export type Table = { name: string; file: string; note: string | null; columns: string[]; rows: Cell[][] }
type Sheet = { sheet: string | null; columns: string[]; rows: Cell[][] }
type Read = { sheets: Sheet[]; note: string | null }

const MOST_ROWS = 1_000_000
const MOST_COLUMNS = 500

/** Every table of the files: one of a CSV or JSON file, one of each sheet. */
export async function readTables(files: readonly Content[]): Promise<Table[]> {
  const tables: Table[] = []
  for (const file of files) {
    const { sheets, note } = await sheetsOf(file)
    for (const { sheet, columns, rows } of sheets) {
      if (rows.length > MOST_ROWS) throw new JobRefused(`The file ${file.name} has more than ${MOST_ROWS} rows.`)
      if (columns.length > MOST_COLUMNS)
        throw new JobRefused(`The file ${file.name} has more than ${MOST_COLUMNS} columns.`)
      const stem = file.name.replace(/\.[^.]*$/, '')
      const taken = tables.map((t) => t.name)
      const name = unique(sqlName(sheet === null || sheets.length === 1 ? stem : `${stem}_${sheet}`), taken)
      tables.push({ name, file: file.name, note, columns: uniqueNames(columns), rows })
    }
  }
  return tables
}

async function sheetsOf({ name, bytes }: Content): Promise<Read> {
  const format = tableFormat(name)
  if (!format) throw new JobRefused(`The file ${name} holds no tables: CSV, TSV, JSON, JSON Lines and XLSX do.`)
  if (format === 'xlsx') return { sheets: await (await import('./workbook.ts')).workbook(bytes, name), note: null }
  const text = decoded(bytes)
  return { sheets: readers[format](text.text, name), note: damageIn(text) }
}

const readers: Record<Exclude<TableFormat, 'xlsx'>, (text: string, name: string) => Sheet[]> = {
  csv: (text, name) => [{ sheet: null, ...separated(text, name, MOST_ROWS + 1) }],
  tsv: (text, name) => [{ sheet: null, ...separated(text, name, MOST_ROWS + 1, '\t') }],
  json: (text, name) => jsonSheets(jsonOf(text, name)),
  jsonl: lines,
  ndjson: lines,
}

// Of the standard, and not of TypeScript's library yet.
const { rawJSON, isRawJSON } = JSON as unknown as {
  rawJSON(text: string): object
  isRawJSON(value: unknown): value is { rawJSON: string }
}
/** Where a number may not be what a double makes of it: long, or whole with a point or an exponent. */
const writtenOtherwise = /[\d.]{16}|\.0|\d[eE]/

function jsonOf(text: string, name: string): unknown {
  const keep = (_key: string, value: unknown, context?: { source?: string }) =>
    typeof value === 'number' && context?.source !== undefined && context.source !== String(value)
      ? rawJSON(context.source)
      : value
  try {
    const json = text.replace(/^\uFEFF/, '')
    return writtenOtherwise.test(json) ? (JSON.parse(json, keep) as unknown) : (JSON.parse(json) as unknown)
  } catch {
    throw new JobRefused(`The file ${name} is not valid JSON.`)
  }
}

function lines(text: string, name: string): Sheet[] {
  const rows = text.split('\n').filter((line) => line.trim() !== '')
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
  if (!isRecord(value)) return [records([value], null)]
  const lists = Object.entries(value).filter(([, v]) => Array.isArray(v) && v.some((one) => isRecord(one)))
  if (lists.length === 0) return [records([value], null)]
  return lists.map(([key, list]) => records(list as unknown[], key))
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isRawJSON(value)

function records(list: readonly unknown[], sheet: string | null): Sheet {
  const objects = list.map((one) => (isRecord(one) ? one : { value: one }))
  const columns = [...new Set(objects.flatMap((one) => Object.keys(one)))]
  return { sheet, columns, rows: objects.map((one) => columns.map((column) => jsonCell(one[column]))) }
}

function jsonCell(value: unknown): Cell {
  if (value === null || value === undefined) return null
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value
  if (typeof value === 'boolean') return value ? 1n : 0n
  if (isRawJSON(value)) return exactNumber(value.rawJSON) ?? value.rawJSON
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** Letters, digits and underscores, as SQL takes them without quotes. */
function sqlName(text: string): string {
  const plain = text
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .toLowerCase()
  const name = beginningOf(plain, 60)
  return /^[a-z]/.test(name) ? name : `t_${name}`.replace(/_$/, '')
}

function unique(name: string, taken: readonly string[]): string {
  return uniqueIn(name, new Set(taken.map((one) => one.toLowerCase())))
}

function uniqueIn(name: string, taken: ReadonlySet<string>): string {
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? name : `${name}_${n}`
    if (!taken.has(candidate.toLowerCase())) return candidate
  }
}

/** Names of columns, each once, whatever its case: `a`, `a_2`. */
export function uniqueNames(columns: readonly string[]): string[] {
  const taken = new Set<string>()
  return columns.map((column, i) => {
    const name = uniqueIn(column.trim() || `column_${i + 1}`, taken)
    taken.add(name.toLowerCase())
    return name
  })
}
