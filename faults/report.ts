/** One kind of fault, over all of its rounds. */
export type Row = {
  name: string
  rounds: number
  /** Rounds after which the servers did not work again within the limit. */
  unhealed: number
  /** From the end of the cause until both servers carried out a run. */
  slowestMs: number
  /** Acknowledged. */
  runs: number
  changes: number
  files: number
  lost: number
  doubled: number
  /** Runs that failed although they were sent again once. */
  failedTwice: number
  notes: string
}

const columns = [
  'fault',
  'rounds',
  'healed',
  'slowest',
  'runs',
  'changes',
  'files',
  'lost',
  'doubled',
  'failed twice',
  'notes',
]

/** The table, as Markdown, and what does not hold over all of it. */
export function report(rows: readonly Row[], problems: readonly string[]): string {
  const cells = rows.map((row) => [
    row.name,
    row.rounds,
    row.rounds - row.unhealed,
    `${(row.slowestMs / 1000).toFixed(1)} s`,
    row.runs,
    row.changes,
    row.files,
    row.lost,
    row.doubled,
    row.failedTwice,
    row.notes,
  ])
  const lines = [columns, columns.map(() => '---'), ...cells].map((line) => `| ${line.join(' | ')} |`)
  const books =
    problems.length === 0
      ? 'No run that no caller was told of; the ledger exact; the log dense; every completed run told by webhook; the history verified.'
      : problems.map((problem) => `DOES NOT HOLD: ${problem}`).join('\n')
  return `${lines.join('\n')}\n\n${books}\n`
}
