import type { Job, JobResult, Reply } from './jobs.ts'
import { JobRefused } from './jobs.ts'

const SHOWN_ROWS = 100
const MOST_RESULT_ROWS = 1_000_000

/** Carries out the one job that the parent process sends, answers, and ends with its parent. */
process.once('message', (job: Job) => {
  void reply(job).then((answer) => process.send?.(answer, () => process.exit(0)))
})
process.once('disconnect', () => process.exit(0))

async function reply(job: Job): Promise<Reply> {
  try {
    return { result: await carryOut(job) }
  } catch (error) {
    return { refused: error instanceof JobRefused ? error.message : 'The file cannot be read.' }
  }
}

async function carryOut(job: Job): Promise<JobResult[Job['type']]> {
  // What a job does not need is not loaded: that takes longer than most jobs.
  if (job.type === 'text') return (await import('./read-text.ts')).readText(job.file)
  const [{ readTables }, { openTables, select, shown, summaryOf }] = await Promise.all([
    import('./tables.ts'),
    import('./database.ts'),
  ])
  const tables = await readTables(job.files)
  const database = openTables(tables)
  if (job.type === 'describe') return tables.map((table) => summaryOf(database, table))
  const result = select(database, job.sql, MOST_RESULT_ROWS)
  return {
    notes: [...new Set(tables.flatMap(({ note }) => note ?? []))],
    columns: result.columns,
    shown: result.rows.slice(0, SHOWN_ROWS).map((row) => row.map(shown)),
    rows: result.rows.length,
    file: job.saveAs && (await (await import('./write-table.ts')).writeTable[job.saveAs](result)),
  }
}
