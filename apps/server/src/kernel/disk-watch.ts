import { randomBytes } from 'node:crypto'
import { mkdir, open, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { systemProblem } from '@stewrd/core/kernel/problem-words.ts'
import type { Logger } from 'pino'

/** Why a folder cannot be written, and since when (unix milliseconds). */
export type DiskProblem = { folder: string; message: string; since: number }

const EVERY_MS = 15_000
/** More than a checkpoint, a keyring or the start of a file. */
const BYTES = Buffer.alloc(64 * 1024)

/** Writes a file into each folder, and removes it. The first folder that does not take it. */
export async function findDiskProblem(folders: readonly string[]): Promise<Omit<DiskProblem, 'since'> | undefined> {
  for (const folder of new Set(folders)) {
    const message = await problemOf(folder)
    if (message !== undefined) return { folder, message }
  }
  return undefined
}

async function problemOf(folder: string): Promise<string | undefined> {
  const draft = join(folder, `.stewrd-${randomBytes(6).toString('hex')}`)
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const file = await open(draft, 'wx', 0o600)
    try {
      await file.writeFile(BYTES)
      await file.sync()
    } finally {
      await file.close()
      await unlink(draft)
    }
    return undefined
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    return systemProblem(code) ?? `The folder cannot be written (${code}). Check its disk and its owner.`
  }
}

/** Looks now and then whether the server can still write its folders: checkpoints, keys and files go there. */
export class DiskWatch {
  readonly #folders: readonly string[]
  readonly #log: Logger
  readonly #now: () => number
  #problem: DiskProblem | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(folders: readonly string[], { log, now }: { log: Logger; now: () => number }) {
    this.#folders = folders
    this.#log = log
    this.#now = now
  }

  get problem(): DiskProblem | undefined {
    return this.#problem
  }

  start(everyMs = EVERY_MS): void {
    void this.#look().finally(() => {
      this.#timer = setInterval(() => void this.#look(), everyMs)
      this.#timer.unref()
    })
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async #look(): Promise<void> {
    const found = await findDiskProblem(this.#folders)
    const before = this.#problem
    this.#problem = found && { ...found, since: before?.since ?? this.#now() }
    if (found && found.message !== before?.message)
      this.#log.error({ part: 'disk', folder: found.folder }, `${found.folder} cannot be written. ${found.message}`)
    if (!found && before) this.#log.info({ part: 'disk' }, 'the folders of the server can be written again')
  }
}
