import type { Sql } from '@stewrd/db/connect.ts'
import type { DataKeys } from '@stewrd/db/data-keys.ts'
import type { Finding } from '@stewrd/db/verify/findings.ts'
import type { Verification } from '@stewrd/db/verify/last.ts'
import { keepVerification } from '@stewrd/db/verify/last.ts'
import type { VerifyDeps, VerifyOptions, VerifyProgress } from '@stewrd/db/verify/verify.ts'
import { verifyHistory } from '@stewrd/db/verify/verify.ts'
import type { Logger } from 'pino'
import { errorFields } from '../kernel/log.ts'
import { LogRefused } from '../log/examine.ts'
import type { PublicLog } from '../log/public-log.ts'

/** A verification that is under way on this node: rows looked at, of how many, in how many milliseconds. */
export type Verifying = VerifyProgress & { ms: number; actor: string }

type Deps = { sql: Sql; dataKeys: DataKeys; publicLog: PublicLog; now: () => number; log: Logger }

/** Verifies the whole history, one run at a time on a node: who asks meanwhile gets the one that is under way. */
export class Verifier {
  readonly #deps: Deps
  #running: Promise<Verification> | undefined
  #progress: Verifying | undefined
  #failed = false

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** How far it is; undefined while none is under way. */
  get progress(): Verifying | undefined {
    return this.#progress
  }

  /** The last one on this node could not be carried out. */
  get failed(): boolean {
    return this.#failed
  }

  /** Ends when everything was looked at, and keeps what was found for everybody. */
  verify(actor: string, options: VerifyOptions = {}): Promise<Verification> {
    this.#running ??= this.#run(actor, options).finally(() => {
      this.#running = undefined
      this.#progress = undefined
    })
    return this.#running
  }

  /** As `verify`, for who does not wait. */
  start(actor: string): void {
    this.verify(actor).catch((err: unknown) =>
      this.#deps.log.warn({ err: errorFields(err), part: 'verifier' }, 'the history could not be verified'),
    )
  }

  async #run(actor: string, options: VerifyOptions): Promise<Verification> {
    const { sql, now } = this.#deps
    const began = now()
    this.#progress = { done: 0, total: 0, ms: 0, actor }
    this.#failed = true
    const verified = await verifyOnce(this.#deps, {
      ...options,
      onProgress: (progress) => {
        this.#progress = { ...progress, ms: now() - began, actor }
        options.onProgress?.(progress)
      },
    })
    const done = { ...verified, at: now(), actor }
    await keepVerification(sql, done)
    this.#failed = false
    return done
  }
}

async function verifyOnce({ sql, dataKeys, publicLog }: Deps, options: VerifyOptions) {
  const { witnesses, foreign } = await outside(publicLog)
  const deps: VerifyDeps = { sql, dataKeys, verifierKey: publicLog.verifierKey, outside: witnesses }
  const verified = await verifyHistory(deps, options)
  return foreign ? { ...verified, wrong: verified.wrong + 1, findings: [...verified.findings, foreign] } : verified
}

/** Looked for before the database is read: what is signed meanwhile must not look like entries that are missing. */
async function outside(publicLog: PublicLog) {
  try {
    return { witnesses: await publicLog.outside(), foreign: undefined }
  } catch (error) {
    if (!(error instanceof LogRefused)) throw error
    const foreign: Finding = { code: 'CHECKPOINT_WRONG', message: error.message, index: null, event: null }
    return { witnesses: [], foreign }
  }
}
