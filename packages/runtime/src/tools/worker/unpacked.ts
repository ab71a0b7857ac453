import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import yauzl from 'yauzl'
import { JobRefused } from './jobs.ts'

/** Bytes that a packed document may have unpacked, and how many times its own size. */
const MOST_BYTES = 300 * 1024 * 1024
const MOST_RATIO = 200
const ALWAYS_BYTES = 10 * 1024 * 1024

/** Refuses a packed document (XLSX, DOCX) that is far larger unpacked, by unpacking it once without keeping anything. */
export async function refuseBombs(bytes: Uint8Array): Promise<void> {
  const limit = Math.min(MOST_BYTES, Math.max(ALWAYS_BYTES, bytes.length * MOST_RATIO))
  const zip = await opened(bytes)
  let total = 0
  const counter = () =>
    new Writable({
      write(part: Buffer, _encoding, done) {
        total += part.length
        done(total > limit ? tooLarge() : null)
      },
    })
  for await (const entry of zip.eachEntry()) {
    if (entry.uncompressedSize > limit) throw tooLarge()
    if (!entry.fileName.endsWith('/')) await pipeline(await zip.openReadStreamPromise(entry), counter())
  }
}

async function opened(bytes: Uint8Array) {
  try {
    return await yauzl.fromBufferPromise(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  } catch {
    throw new JobRefused('The file is damaged, or is not of the format that its name says.')
  }
}

const tooLarge = () => new JobRefused('The file is too large once it is unpacked.')
