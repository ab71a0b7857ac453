import { buffer } from 'node:stream/consumers'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import yauzl from 'yauzl'
import { JobRefused } from './jobs.ts'

/** Bytes that a packed document may have unpacked, and how many times its own size. */
const MOST_BYTES = 300 * 1024 * 1024
const MOST_RATIO = 200
const ALWAYS_BYTES = 10 * 1024 * 1024
/** Parts of a packed document. Large workbooks have some hundred. */
const MOST_ENTRIES = 10_000

/**
 * Refuses a packed document (XLSX, DOCX) that has too many parts by its directory, or is far larger unpacked: by what its directory says,
 * and then by unpacking it once without keeping anything, as a directory can lie.
 */
export async function refuseBombs(bytes: Uint8Array): Promise<void> {
  const limit = Math.min(MOST_BYTES, Math.max(ALWAYS_BYTES, bytes.length * MOST_RATIO))
  const zip = await opened(bytes)
  if (zip.entryCount > MOST_ENTRIES)
    throw new JobRefused(`The file is too large once it is unpacked: it has ${zip.entryCount} parts.`)
  const entries = await Array.fromAsync(zip.eachEntry())
  if (entries.reduce((sum, { uncompressedSize }) => sum + uncompressedSize, 0) > limit) throw tooLarge()
  let total = 0
  const counter = () =>
    new Writable({
      write(part: Buffer, _encoding, done) {
        total += part.length
        done(total > limit ? tooLarge() : null)
      },
    })
  for (const entry of entries)
    if (!entry.fileName.endsWith('/')) await pipeline(await zip.openReadStreamPromise(entry), counter())
}

/** The parts of a packed document whose path is wanted, unpacked. Ask `refuseBombs` first. */
export async function entriesOf(bytes: Uint8Array, wanted: (path: string) => boolean): Promise<Map<string, Buffer>> {
  const zip = await opened(bytes)
  const parts = new Map<string, Buffer>()
  for await (const entry of zip.eachEntry())
    if (wanted(entry.fileName)) parts.set(entry.fileName, await buffer(await zip.openReadStreamPromise(entry)))
  return parts
}

async function opened(bytes: Uint8Array) {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (file.subarray(0, 8).equals(COMPOUND)) throw new JobRefused(compoundProblem(file))
  try {
    return await yauzl.fromBufferPromise(file)
  } catch {
    throw new JobRefused('The file is damaged, or is not of the format that its name says.')
  }
}

/** How a compound file begins: Office wraps a locked document in one, and its older formats are some. */
const COMPOUND = Buffer.from('d0cf11e0a1b11ae1', 'hex')
const compoundProblem = (file: Buffer) =>
  file.includes(Buffer.from('EncryptedPackage', 'utf16le'))
    ? 'The file is locked with a password. Remove the password and send it again.'
    : 'The file is of an older Office format. Save it as XLSX or DOCX and send it again.'

const tooLarge = () => new JobRefused('The file is too large once it is unpacked.')
