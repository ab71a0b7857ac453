/** A file with its content. */
export type Content = { name: string; bytes: Uint8Array }

/** What the reading process is asked for; one job, then it ends. */
export type Job =
  | { type: 'text'; file: Content }
  | { type: 'describe'; files: readonly Content[] }
  | { type: 'query'; files: readonly Content[]; sql: string; saveAs: SaveFormat | null }
export type SaveFormat = 'csv' | 'json' | 'xlsx'

export type ColumnSummary = {
  name: string
  type: 'integer' | 'number' | 'text'
  empty: number
  distinct: number
  min: string | number | null
  max: string | number | null
}
/** `note`: what is wrong with the file. */
export type TableSummary = {
  table: string
  file: string
  note?: string
  rows: number
  columns: ColumnSummary[]
  sample: unknown[][]
}

/** `shown` are the first rows; `file` has all of them. `notes`: what is wrong with the files. */
export type QueryResult = {
  notes: string[]
  columns: string[]
  shown: unknown[][]
  rows: number
  file: Uint8Array | null
}

export type JobResult = {
  /** `note`: what is not in the text, or wrong with it. */
  text: { text: string; pages: number | null; note: string | null }
  describe: TableSummary[]
  query: QueryResult
}
/** `refused`: a sentence for the model. */
export type Reply<T extends Job['type'] = Job['type']> = { result: JobResult[T] } | { refused: string }

/** The file cannot be read, or the question is wrong. The message is for the model. */
export class JobRefused extends Error {
  override readonly name = 'JobRefused'
}
