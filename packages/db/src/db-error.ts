import { StoreUnavailable } from '@stewrd/core/kernel/execute.ts'
import { databaseProblem } from '@stewrd/core/kernel/problem-words.ts'
import { SystemError } from '@stewrd/core/kernel/system-error.ts'
import { onDeadline } from './deadline.ts'

/** The database refused a statement. Carries names only: drivers put row values into their messages. */
export class DbError extends Error {
  override readonly name = 'DbError'
  /** SQLSTATE, or the driver's own code. */
  readonly code: string
  readonly constraint: string | undefined
  readonly table: string | undefined
  constructor(code: string, constraint?: string, table?: string) {
    super(databaseProblem(code) ?? refused([code, table, constraint].filter(Boolean).join(', ')))
    this.code = code
    this.constraint = constraint
    this.table = table
  }
}

const refused = (names: string) =>
  `The database refused a statement (${names}). Run \`stewrd doctor\`; if it finds nothing, report these names.`

// 08: connection; 28, 3D000: nobody gets in any more; 57P0x: shutting down or starting; 53: out of something; 25006: read-only after a
// failover; 57014: timed out; 58: its disk.
const outage =
  /^(08...|28...|3D000|57P0.|53...|25006|57014|58...|CONNECTION_.*|CONNECT_TIMEOUT|SASL_.*|E(CONN|PIPE|TIMED|HOST|NET|NOTFOUND|AI_|NOENT|ADDR|PROTO)[A-Z_]*|(DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|CERT)_\w+|ERR_(TLS|SSL)_\w+|TLS_NOT_OFFERED)$/

/** What the system says of files, and of no address. */
const files =
  /^E(NOSPC|DQUOT|ROFS|IO|ACCES|PERM|NOENT|NOTDIR|ISDIR|EXIST|NAMETOOLONG|LOOP|STALE|BUSY|FBIG|XDEV|MFILE|NFILE)$/

/** What a driver's error means, without its text, its query and its parameters. Our own errors pass through. */
export function dbError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof DbError || error instanceof SystemError || !isDriverError(error))
    return error
  const code = textField(error, 'code') ?? ''
  if (files.test(code) && !/^(connect|getaddrinfo)$/.test(textField(error, 'syscall') ?? 'connect'))
    return new SystemError(code)
  if (outage.test(code)) return new StoreUnavailable(code)
  return new DbError(code, textField(error, 'constraint_name'), textField(error, 'table_name'))
}

/** Awaits a query; what it throws is ours. */
export async function run<T>(query: PromiseLike<T>): Promise<T> {
  try {
    return await query
  } catch (error) {
    throw dbError(error)
  }
}

/** As `run`, but gives up after `ms`: behind a proxy whose database is away the driver connects for ever. The outcome is then unknown. */
export function runWithin<T>(query: PromiseLike<T> & { cancel(): void }, ms = 4500): Promise<T> {
  return new Promise((resolve, reject) => {
    const answered = onDeadline(ms, () => {
      giveUp(query)
      reject(new StoreUnavailable('no answer in time'))
    })
    query.then(
      (rows) => {
        answered()
        resolve(rows)
      },
      (error: unknown) => {
        answered()
        reject(dbError(error))
      },
    )
  })
}

/**
 * One that was not sent is not carried out any more, and one that the server is at is stopped. One that was sent behind others is left
 * alone: the server would be asked when its turn comes, and may be at the next one by then.
 */
function giveUp(query: { cancel(): void }): void {
  const { state, active } = query as unknown as { state: unknown; active: boolean }
  if (!state || active) query.cancel()
}

// Refusals carry a `code` too; only the driver's and the system's errors are translated.
const isDriverError = (error: Error) =>
  error.name === 'PostgresError' ||
  'errno' in error ||
  'syscall' in error ||
  outage.test(textField(error, 'code') ?? '')

function textField(error: Error, name: string): string | undefined {
  const value = (error as unknown as Record<string, unknown>)[name]
  return typeof value === 'string' ? value : undefined
}
