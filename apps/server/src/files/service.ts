import { createHash } from 'node:crypto'
import type { Head } from '@stewrd/core/kernel/decider.ts'
import type { Author, Execute, StreamId } from '@stewrd/core/kernel/execute.ts'
import { StoreUnavailable } from '@stewrd/core/kernel/execute.ts'
import type { StoredFile } from '@stewrd/core/files/events.ts'
import type { File } from '@stewrd/core/files/files.ts'
import { files, fileStream } from '@stewrd/core/files/files.ts'
import type { DataKey } from '@stewrd/crypto/data-key.ts'
import { CHUNK_BYTES, CHUNK_OVERHEAD, chunksOf, openChunk, sealChunks } from '@stewrd/crypto/sealed-file.ts'
import mime from 'mime'
import { newId } from '@stewrd/db/new-id.ts'
import type { FileQuota } from './quota.ts'
import type { FileStorage } from './storage.ts'

export type FilesDeps = {
  accountId: string
  now(): number
  storage: FileStorage
  /** Bytes of one file. */
  maxBytes: number
  quota: Pick<FileQuota, 'check' | 'reserve' | 'release'>
  store: {
    execute: Execute
    head(decider: typeof files, stream: StreamId): Promise<Head<File>>
  }
  dataKeys: {
    current(accountId: string, scope: string, purpose: 'event', uses?: number): Promise<DataKey>
    byId(accountId: string, scope: string, id: string): Promise<DataKey>
  }
}

export type FileId = { projectId: string; fileId: string }
type New = Pick<StoredFile, 'name' | 'origin' | 'runId'> & { projectId: string }
/** Calls `append` with the author; again, when what the author may do was looked up anew. */
type AppendAs = <T>(append: (author: Author) => Promise<T>) => Promise<T>
export type Kept = FileId & { file: StoredFile }

/** A file that is larger than files may be. Nothing of it is kept. */
export class FileTooLarge extends Error {
  override readonly name = 'FileTooLarge'
  readonly maxBytes: number
  constructor(maxBytes: number) {
    super(`A file may have at most ${maxBytes / 1024 / 1024} MB.`)
    this.maxBytes = maxBytes
  }
}

/** Chunks that are read at once. */
const BATCH = 16

/** Files of projects: sealed in the storage, recorded in their streams. */
export class FileService {
  readonly #deps: FilesDeps

  constructor(deps: FilesDeps) {
    this.#deps = deps
  }

  get maxBytes(): number {
    return this.#deps.maxBytes
  }

  /** Keeps a new file. Throws `FileTooLarge`, `StorageLimitReached`, or what reading the content throws; then nothing is kept. After `StoreUnavailable` the file may be there or not. */
  async keep({ projectId, ...about }: New, content: AsyncIterable<Uint8Array>, appendAs: AppendAs): Promise<Kept> {
    const { accountId, now, storage, maxBytes, quota, dataKeys, store } = this.#deps
    await quota.check(projectId)
    const fileId = newId(now())
    const dataKey = await dataKeys.current(accountId, projectId, 'event', chunksOf(maxBytes))
    const hash = createHash('sha256')
    let bytes = 0
    async function* measured() {
      for await (const part of content) {
        bytes += part.byteLength
        if (bytes > maxBytes) throw new FileTooLarge(maxBytes)
        hash.update(part)
        yield part
      }
    }
    const aad = { accountId, projectId, fileId, dekId: dataKey.id }
    await storage.write(this.#keyOf({ projectId, fileId }), sealChunks(dataKey, aad, measured()))
    const mediaType = mime.getType(about.name) ?? 'application/octet-stream'
    const file = { ...about, bytes, mediaType, sha256: hash.digest('hex'), dekId: dataKey.id }
    let sent = false
    try {
      await quota.reserve(projectId, fileId, bytes)
      const stream = { accountId, projectId, stream: fileStream(fileId) }
      const command = { type: 'StoreFile', file } as const
      sent = true
      await appendAs((author) => store.execute(files, stream, command, { commandId: `file:${fileId}`, ...author }))
    } catch (error) {
      // The event may have been written all the same, and what the history knows must be there.
      if (sent && error instanceof StoreUnavailable) throw error
      // What cannot be undone here is a leftover that nobody can name, and is not counted for long.
      await Promise.allSettled([storage.remove(this.#keyOf({ projectId, fileId })), quota.release(fileId)])
      throw error
    }
    return { projectId, fileId, file }
  }

  /** Undefined for a file that is unknown, or was removed. */
  async find({ projectId, fileId }: FileId): Promise<StoredFile | undefined> {
    const stream = { accountId: this.#deps.accountId, projectId, stream: fileStream(fileId) }
    const { state } = await this.#deps.store.head(files, stream)
    if (state.status !== 'stored') return undefined
    const { status: _, ...file } = state
    return file
  }

  /** Bytes `from` to `to` of the content, without the last. Throws `StorageError`, or `EnvelopeError` when it was changed. */
  async *read(
    { projectId, fileId }: FileId,
    { dekId, bytes }: Pick<StoredFile, 'dekId' | 'bytes'>,
    { from, to }: { from: number; to: number } = { from: 0, to: bytes },
  ): AsyncGenerator<Buffer, void> {
    const { accountId, storage, dataKeys } = this.#deps
    const dataKey = await dataKeys.byId(accountId, projectId, dekId)
    const aad = { accountId, projectId, fileId, dekId }
    const chunks = chunksOf(bytes)
    const end = Math.min(chunks, Math.ceil(to / CHUNK_BYTES))
    for (let first = Math.floor(from / CHUNK_BYTES); first < end; first += BATCH) {
      const beyond = Math.min(end, first + BATCH)
      const sealed = await storage.read(this.#keyOf({ projectId, fileId }), {
        from: first * SEALED_BYTES,
        to: beyond * SEALED_BYTES,
      })
      for (let index = first; index < beyond; index++) {
        const part = sealed.subarray((index - first) * SEALED_BYTES, (index - first + 1) * SEALED_BYTES)
        const chunk = openChunk(dataKey, aad, part, { index, last: index === chunks - 1 })
        const at = index * CHUNK_BYTES
        yield chunk.subarray(Math.max(0, from - at), Math.max(0, to - at))
      }
    }
  }

  /** The whole content. */
  async content(id: FileId, file: Pick<StoredFile, 'dekId' | 'bytes'>): Promise<Buffer> {
    return Buffer.concat(await Array.fromAsync(this.read(id, file)))
  }

  /** From here on it is not there; doing it again ends what a crash left. Refused with NOT_FOUND for an unknown one. */
  async remove({ projectId, fileId }: FileId, author: Author): Promise<void> {
    const { accountId, store, storage } = this.#deps
    const stream = { accountId, projectId, stream: fileStream(fileId) }
    await store.execute(
      files,
      stream,
      { type: 'RemoveFile' },
      { commandId: `remove:${projectId}:${fileId}`, ...author },
    )
    await storage.remove(this.#keyOf({ projectId, fileId }))
    await this.#deps.quota.release(fileId)
  }

  readonly #keyOf = ({ projectId, fileId }: FileId) => `${folderOf(this.#deps.accountId, projectId)}/${fileId}`
}

const SEALED_BYTES = CHUNK_BYTES + CHUNK_OVERHEAD

/** Where all files of a project lie. */
export const folderOf = (accountId: string, projectId: string) => `${accountId}/${projectId}`
