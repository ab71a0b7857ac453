import { createReadStream } from 'node:fs'
import { ReadableStream } from 'node:stream/web'
import { createTarDecoder, createTarPacker } from 'modern-tar'
import { BackupError } from './backup-error.ts'
import type { OpenWith } from './sealing.ts'
import { damaged, opened } from './sealing.ts'

export type Archive = {
  bytes: ReadableStream<Uint8Array>
  /** Waits until there is room for it. */
  add(name: string, content: Uint8Array): Promise<void>
  end(): void
  fail(error: unknown): void
}

/** A tar archive that is read while it is written. */
export function newArchive(takenAt: Date): Archive {
  const { readable, controller } = createTarPacker()
  return {
    bytes: readable,
    async add(name, content) {
      const entry = controller.add({ name, size: content.length, mode: 0o600, mtime: takenAt, type: 'file' })
      const writer = entry.getWriter()
      await writer.write(content)
      await writer.close()
    },
    end: () => controller.finalize(),
    fail: (error) => controller.error(error),
  }
}

export type ArchiveEntry = { name: string; content: Uint8Array }
export type ReadOptions = { file: string; key: OpenWith; onRead?: (bytes: number) => void }

/** The largest entry that is written, with room to spare: one that is larger was not written here. */
const MOST_BYTES = 1 << 30

/** Every entry, in order, each whole. Throws KEY_WRONG, FILE_UNREADABLE, or BACKUP_DAMAGED at the first byte that is not what was sealed. */
export async function* readArchive({ file, key, onRead }: ReadOptions): AsyncGenerator<ArchiveEntry> {
  const plain = await opened(ReadableStream.from(bytesOf(file, onRead)), key)
  try {
    const entries = plain.pipeThrough(createTarDecoder({ strict: true }))
    for await (const { header, body } of entries) {
      if (header.size > MOST_BYTES) throw damaged(`The entry ${header.name} is too large.`)
      const pieces: Uint8Array[] = []
      for await (const piece of body) pieces.push(piece)
      yield { name: header.name, content: Buffer.concat(pieces) }
    }
  } catch (error) {
    // What the libraries say of bytes that do not fit tells nobody what to do.
    throw error instanceof BackupError ? error : damaged('It was changed, or its end is missing.')
  }
}

async function* bytesOf(file: string, onRead: (bytes: number) => void = () => {}): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: 1 << 18 }) as AsyncIterable<Buffer>) {
      onRead(chunk.length)
      yield chunk
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    throw new BackupError('FILE_UNREADABLE', `${file} cannot be read (${code}).`)
  }
}
