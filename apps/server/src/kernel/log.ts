import { GuardMoved, StoreUnavailable } from '@stewrd/core/kernel/execute.ts'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { databaseProblem, systemProblem } from '@stewrd/core/kernel/problem-words.ts'
import { SystemError } from '@stewrd/core/kernel/system-error.ts'
import { EnvelopeError } from '@stewrd/crypto/gcm.ts'
import { KeyringError } from '@stewrd/crypto/keyring.ts'
import { RowsMissing, RowsRefused } from '@stewrd/db/backup/load.ts'
import { DatabaseUnfit } from '@stewrd/db/check-database.ts'
import { DataKeyMissing } from '@stewrd/db/data-keys.ts'
import { DbError } from '@stewrd/db/db-error.ts'
import { LogDamaged } from '@stewrd/db/log-tree/nodes.ts'
import { KeyringMismatch } from '@stewrd/db/master-keys/check.ts'
import { ReplayFailed } from '@stewrd/db/replay.ts'
import type { Logger } from 'pino'
import pino from 'pino'
import pretty from 'pino-pretty'
import type { Env } from '../env.ts'
import { EnvError } from '../env.ts'
import { StorageError } from '../files/storage.ts'
import { BundleRefused } from '../proof/refused.ts'

// Their texts are written here and hold no value that somebody sent.
const ownErrors = [
  EnvError,
  Refusal,
  GuardMoved,
  StoreUnavailable,
  SystemError,
  EnvelopeError,
  KeyringError,
  KeyringMismatch,
  DataKeyMissing,
  DbError,
  DatabaseUnfit,
  ReplayFailed,
  LogDamaged,
  BundleRefused,
  RowsMissing,
  RowsRefused,
  StorageError,
]

/** What may be logged of an error. Texts of others (drivers, SDKs) can quote keys and rows: of those only name, code and place. */
export function errorFields(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return isFields(error) ? error : { name: typeof error }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  const message = ownErrors.some((type) => error instanceof type) ? error.message : wordsFor(error, code)
  const fields = {
    name: error.name,
    ...(code === undefined ? {} : { code }),
    ...(message === undefined ? {} : { message }),
    at: frames(error.stack),
    ...(error.cause === undefined ? {} : { cause: errorFields(error.cause) }),
  }
  made.add(fields)
  return fields
}

/** A driver's error and the system's are said by their code. */
function wordsFor(error: Error, code: string | undefined): string | undefined {
  if (code === undefined) return undefined
  if (error.name === 'PostgresError' || code.startsWith('CONNECT')) return databaseProblem(code)
  return 'errno' in error || 'syscall' in error ? systemProblem(code) : undefined
}

/** What this file made of errors: a logger that gets it lets it through as it is. */
const made = new WeakSet<object>()
const isFields = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && made.has(value)

/** Where it was thrown: function and file, without the text that a stack begins with. */
const frames = (stack = '') =>
  stack
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /^at .*:\d+:\d+\)?$/.test(line))
    .slice(0, 6)

type Destination = { write(line: string): void }

/** JSON, one line each; readable when a person looks at it. Nothing of a request but what `request` lists ever gets here. */
export function createLogger(env: Pick<Env, 'production' | 'logLevel'>, destination?: Destination): Logger {
  const readable = !destination && !env.production && process.stdout.isTTY
  const options = {
    level: env.logLevel,
    base: null,
    formatters: { level: (label: string) => ({ level: label }), log: plain },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers,
  }
  if (destination) return pino(options, destination)
  const stream = readable ? pretty({ colorize: true, ignore: 'reqId' }) : pino.destination({ fd: 1, sync: true })
  // A server works on without whoever reads its log, and on a full disk.
  stream.on('error', () => {})
  return pino(options, stream)
}

/** What libraries log of themselves can hold a request with all its headers: of objects only those stay that have a serializer here. */
const plain = (fields: Record<string, unknown>) =>
  Object.fromEntries(
    Object.entries(fields).filter(
      ([name, value]) => typeof value !== 'object' || value === null || name in serializers,
    ),
  )

/** Method and path. Never a query, a header or a body. */
const requestFields = (request: { method?: string; url?: string }) => ({
  method: request.method,
  path: pathOf(request.url),
})

const serializers = { err: errorFields, error: errorFields, req: requestFields, res: () => undefined }

export const pathOf = (url = '') => url.split(/[?#]/, 1)[0]!.slice(0, 300)
