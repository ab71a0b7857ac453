/** What SQL sees of a cell: a bigint is an INTEGER, a number a REAL. */
export type Cell = string | number | bigint | null

const integer = /^[+-]?\d+$/
const decimal = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/

/** A number as it is written: an INTEGER, a REAL, or the text itself where neither would hold it exactly. Undefined for what is no number. */
export function exactNumber(text: string): Cell | undefined {
  if (!decimal.test(text)) return undefined
  const value = Number(text)
  if (integer.test(text)) return Number.isSafeInteger(value) ? BigInt(value) : text
  return Number.isFinite(value) && holds(value, text) ? value : text
}

/** A double holds 15 digits of any number, and more of some. */
function holds(value: number, text: string): boolean {
  const digits = digitsOf(text)
  return digits.length <= 15 || digits === digitsOf(String(value))
}

const digitsOf = (text: string) =>
  text
    .replace(/[eE].*$/, '')
    .replace(/[^\d.]/g, '')
    .replace(/^([\d]*)\.?(\d*)$/, '$1$2')
    .replace(/^0+|0+$/g, '')

export type ColumnType = 'integer' | 'real' | ''

/** The type of a column in SQL, by its cells: of whole numbers alone, of numbers, or of anything. */
export function columnType(rows: readonly (readonly Cell[])[], column: number): ColumnType {
  let type: ColumnType = ''
  for (const row of rows) {
    const cell = row[column] ?? null
    if (cell === null) continue
    if (typeof cell === 'string') return ''
    if (typeof cell === 'number') type = 'real'
    else if (type === '') type = 'integer'
  }
  return type
}
