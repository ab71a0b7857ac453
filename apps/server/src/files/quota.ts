import type { Head } from '@stewrd/core/kernel/decider.ts'
import type { StreamId } from '@stewrd/core/kernel/execute.ts'
import type { ProjectLimits } from '@stewrd/core/projects/limits.ts'
import type { Project } from '@stewrd/core/projects/projects.ts'
import { projects, projectStream } from '@stewrd/core/projects/projects.ts'
import type { Sql } from '@stewrd/db/connect.ts'
import type { FileLimits, FileUse } from '@stewrd/db/files/stored-files.ts'
import { dropLeftovers, fileUse, releaseFile, reserveFile } from '@stewrd/db/files/stored-files.ts'

const MB = 1024 * 1024

/** For projects that have no limit of their own; 0: any number. */
export type ServerStorage = { storedMegabytes: number; storedFiles: number }

type Deps = {
  sql: Sql
  accountId: string
  server: ServerStorage
  store: { head(decider: typeof projects, stream: StreamId): Promise<Head<Project>> }
}

/** A project has as many files, or as many bytes in them, as it may. Nothing of the new file is kept. */
export class StorageLimitReached extends Error {
  override readonly name = 'StorageLimitReached'
}

/** What a project may store: its own limits, or the server's. */
export function fileLimits(own: ProjectLimits | undefined, server: ServerStorage): FileLimits {
  const megabytes = own?.storedMegabytes ?? (server.storedMegabytes || null)
  return { files: own?.storedFiles ?? (server.storedFiles || null), bytes: megabytes === null ? null : megabytes * MB }
}

/**
 * Counts what projects store. However many files come at once, on however many servers, those that are kept never pass the limits; besides
 * them there is at most what is being received, a file of the largest size for each upload.
 */
export class FileQuota {
  readonly #deps: Deps

  constructor(deps: Deps) {
    this.#deps = deps
  }

  use(projectId: string): Promise<FileUse> {
    return fileUse(this.#deps.sql, this.#of(projectId))
  }

  /** Throws `StorageLimitReached` where there is no place for any file, before its content is read. */
  async check(projectId: string): Promise<void> {
    const [limits, use] = await Promise.all([this.#limits(projectId), this.use(projectId)])
    if (!isFull(limits, use)) return
    await dropLeftovers(this.#deps.sql, this.#of(projectId))
    const now = await this.use(projectId)
    if (isFull(limits, now)) throw reached(limits, now)
  }

  /** Counts a file whose content is in the storage. Throws `StorageLimitReached`; then it is not counted. */
  async reserve(projectId: string, fileId: string, bytes: number): Promise<void> {
    const limits = await this.#limits(projectId)
    if (await reserveFile(this.#deps.sql, { ...this.#of(projectId), fileId, bytes }, limits)) return
    throw reached(limits, await this.use(projectId))
  }

  /** Of a file that is not kept, or was removed. */
  async release(fileId: string): Promise<void> {
    await releaseFile(this.#deps.sql, { accountId: this.#deps.accountId, fileId })
  }

  async #limits(projectId: string): Promise<FileLimits> {
    const stream = { ...this.#of(projectId), stream: projectStream(projectId) }
    const { state } = await this.#deps.store.head(projects, stream)
    return fileLimits(state.status === 'none' ? undefined : state.limits, this.#deps.server)
  }

  readonly #of = (projectId: string) => ({ accountId: this.#deps.accountId, projectId })
}

const isFull = (limits: FileLimits, use: FileUse) =>
  (limits.files !== null && use.files >= limits.files) || (limits.bytes !== null && use.bytes >= limits.bytes)

function reached(limits: FileLimits, use: FileUse): StorageLimitReached {
  const files = `${use.files} files${limits.files === null ? '' : ` of ${limits.files}`}`
  const size = `${(use.bytes / MB).toFixed(1)} MB${limits.bytes === null ? '' : ` of ${limits.bytes / MB}`}`
  return new StorageLimitReached(
    `There is no place for this file: the project has ${files} and ${size}. Remove some, or raise the limit of the project in the dashboard.`,
  )
}
