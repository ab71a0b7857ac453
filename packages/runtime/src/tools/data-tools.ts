import { beginningOf } from '@stewrd/core/kernel/cut.ts'
import type { RunFile } from '@stewrd/core/kernel/run-file.ts'
import type { Tool } from '../loop/tool.ts'
import { ToolError } from '../loop/tool.ts'
import type { RunFiles } from './run-files.ts'
import { bytesOf, chosenName, fileNamed, made } from './run-files.ts'
import type { Content, QueryResult, SaveFormat, TableSummary } from './worker/jobs.ts'
import { runJob } from './worker/run-job.ts'

const formats: readonly SaveFormat[] = ['csv', 'json', 'xlsx']
const MOST_FILES = 10
/** Characters of a result that the model gets. */
const MOST_OUTPUT = 30_000

const filesParameter = {
  type: 'array',
  items: { type: 'string' },
  minItems: 1,
  maxItems: MOST_FILES,
  description: 'The names of the files: CSV, TSV, JSON, JSON Lines or XLSX.',
}

/** The tools of the capability `data`: what tables hold, and SQL over them. */
export function dataTools(kept: RunFiles): Tool[] {
  /** Says at once when a file is missing; what is returned reads them. */
  const contents = (names: unknown, files: readonly RunFile[]): (() => Promise<Content[]>) => {
    if (!Array.isArray(names) || names.length === 0 || names.length > MOST_FILES)
      throw new ToolError(`"files" must be a list of 1 to ${MOST_FILES} file names.`)
    const found = names.map((name) => fileNamed(files, name))
    return () => Promise.all(found.map(async (file) => ({ name: file.name, bytes: await bytesOf(kept, file) })))
  }
  return [
    {
      name: 'describe_data',
      capability: 'data',
      description:
        'Tells what tables the files hold: their names in SQL, columns with type, empty cells, distinct values, least and greatest value, and the first rows.',
      parameters: {
        type: 'object',
        properties: { files: filesParameter },
        required: ['files'],
        additionalProperties: false,
      },
      say: ({ files }) => `Looking at ${listed(files)}`,
      async run({ files: names }, { files, signal }) {
        const read = contents(names, files)
        const job = async () => ({ type: 'describe' as const, files: await read() })
        const tables = await runJob<'describe'>(kept.projectId, job, signal)
        return { output: described(tables) }
      },
    },
    {
      name: 'query_data',
      capability: 'data',
      description:
        'Runs one SELECT (SQLite) over the tables of the files, which are named as describe_data tells. Gives the first 100 rows. With "save_as" the whole result becomes a file for the user.',
      parameters: {
        type: 'object',
        properties: {
          files: filesParameter,
          sql: { type: 'string', description: 'One SELECT statement.' },
          save_as: { type: 'string', description: 'A file name that ends with .csv, .json or .xlsx.' },
        },
        required: ['files', 'sql'],
        additionalProperties: false,
      },
      say: ({ files, save_as }) =>
        typeof save_as === 'string'
          ? `Making ${beginningOf(save_as, 100)} from ${listed(files)}`
          : `Querying ${listed(files)}`,
      async run({ files: names, sql, save_as }, { files, signal }) {
        if (typeof sql !== 'string' || sql.trim() === '') throw new ToolError('"sql" must be a SELECT statement.')
        const saveName = save_as === undefined || save_as === '' ? null : chosenName(save_as, formats)
        const saveAs =
          saveName === null ? null : (saveName.slice(saveName.lastIndexOf('.') + 1).toLowerCase() as SaveFormat)
        const read = contents(names, files)
        const job = async () => ({ type: 'query' as const, files: await read(), sql, saveAs })
        const result = await runJob<'query'>(kept.projectId, job, signal)
        const saved =
          saveName !== null && result.file
            ? [await made(kept, saveName, Buffer.from(result.file), { text: saveAs !== 'xlsx' })]
            : []
        return { output: told(result, saveName), files: saved }
      },
    },
  ]
}

function told({ notes, columns, shown, rows }: QueryResult, saveName: string | null): string {
  const part = rows > shown.length ? `, of which these are the first ${shown.length}` : ''
  const saved = saveName === null ? '' : ` All are in ${saveName}.`
  return cut(
    `${rows} ${rows === 1 ? 'row' : 'rows'}${part}.${saved}${notes.map((note) => ` ${note}`).join('')}\n${[columns, ...shown].map((row) => JSON.stringify(row)).join('\n')}`,
  )
}

/** All of it, or of wide tables what fits: names and types of columns come before figures and rows. */
function described(tables: readonly TableSummary[]): string {
  const all = JSON.stringify(tables)
  if (all.length <= MOST_OUTPUT) return all
  const short = tables.map(({ table, file, note, rows, columns }) => ({
    table,
    file,
    note,
    rows,
    columns: columns.map(({ name, type }) => `${name} (${type})`),
  }))
  return cut(`Figures and first rows are left out, as there are many columns.\n${JSON.stringify(short)}`)
}

const cut = (text: string) =>
  text.length > MOST_OUTPUT ? `${beginningOf(text, MOST_OUTPUT)}\n[cut: ask for less]` : text

const listed = (names: unknown) => (Array.isArray(names) ? beginningOf(names.join(', '), 200) : 'the files')
