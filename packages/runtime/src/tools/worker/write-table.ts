import { stringify } from 'csv-stringify/sync'
import ExcelJS from 'exceljs'
import type { SaveFormat } from './jobs.ts'
import type { Shown } from './database.ts'

type Rows = { columns: string[]; rows: Shown[][] }

/** A result as a file. */
export const writeTable: Record<SaveFormat, (table: Rows) => Uint8Array | Promise<Uint8Array>> = {
  csv: ({ columns, rows }) => Buffer.from(stringify([columns, ...rows])),
  json: ({ columns, rows }) =>
    Buffer.from(
      `[\n${rows.map((row) => `  ${JSON.stringify(Object.fromEntries(columns.map((c, i) => [c, row[i]])))}`).join(',\n')}\n]\n`,
    ),
  async xlsx({ columns, rows }) {
    const book = new ExcelJS.Workbook()
    const sheet = book.addWorksheet('Result', { views: [{ state: 'frozen', ySplit: 1 }] })
    sheet.addRow(columns).font = { bold: true }
    sheet.addRows(rows)
    return new Uint8Array(await book.xlsx.writeBuffer())
  },
}
