import type { Hash } from 'node:crypto'
import { createHash } from 'node:crypto'
import { checkBackupSeal } from '@stewrd/crypto/backup-seal.ts'
import { NoteError } from '@stewrd/crypto/signed-note.ts'
import type { TablePart } from '@stewrd/db/backup/load.ts'
import type { ArchiveEntry, ReadOptions } from './archive.ts'
import { readArchive } from './archive.ts'
import { BackupError } from './backup-error.ts'
import { BackupHeader, BackupManifest, kindOf } from './format.ts'
import { damaged } from './sealing.ts'

export type Contents = {
  header: BackupHeader
  /** Tables in their order, and in between every file to `onFile`. Throws BACKUP_DAMAGED at the end when any digest is another. */
  parts: AsyncIterable<TablePart>
}
export type FileFound = { kind: 'file' | 'keyring'; path: string; content: Uint8Array }

/** `signature`: whether it is of the sender that the header names; `none` where it names none. `manifest`: its SHA-256. */
export type Checked = { header: BackupHeader; signature: 'valid' | 'wrong' | 'none'; manifest: string }

/** Opens a backup. Throws KEY_WRONG, BACKUP_NEWER for a format that a newer program wrote, and what `readArchive` throws. */
export async function openBackup(
  options: ReadOptions,
  onFile: (file: FileFound) => Promise<void> = async () => {},
  onEnd: (end: Omit<Checked, 'header'>) => void = () => {},
): Promise<Contents> {
  const entries = readArchive(options)
  const first = await entries.next()
  if (first.done || first.value.name !== 'header.json') throw damaged('It does not begin as a backup of Stewrd does.')
  const header = headerIn(first.value.content)
  return { header, parts: partsOf(header, first.value, entries, { onFile, onEnd }) }
}

/** Reads all of it and keeps nothing. */
export async function checkBackup(options: ReadOptions): Promise<Checked> {
  let end: Omit<Checked, 'header'> | undefined
  const { header, parts } = await openBackup(options, undefined, (found) => (end = found))
  for await (const _ of parts);
  return { header, ...end! }
}

type Listeners = { onFile: (file: FileFound) => Promise<void>; onEnd: (end: Omit<Checked, 'header'>) => void }

async function* partsOf(
  header: BackupHeader,
  first: ArchiveEntry,
  entries: AsyncIterable<ArchiveEntry>,
  { onFile, onEnd }: Listeners,
): AsyncGenerator<TablePart> {
  const digests = new Digests()
  digests.add('header', first.content)
  let manifest: { content: BackupManifest; hash: Buffer } | undefined
  let note: string | undefined
  for await (const { name, content } of entries) {
    const found = kindOf(name)
    if (!found || found.kind === 'header' || (found.kind === 'signature' ? !manifest || note !== undefined : manifest))
      throw damaged(`It holds ${JSON.stringify(name)}, which does not belong there.`)
    if (found.kind === 'manifest')
      manifest = { content: manifestIn(content), hash: createHash('sha256').update(content).digest() }
    else if (found.kind === 'signature') note = Buffer.from(content).toString('utf8')
    else if (found.kind === 'table') {
      digests.add(`table ${found.table}`, content)
      yield { table: found.table, bytes: content }
    } else {
      digests.add(`file ${name}`, content)
      await onFile({ ...found, content })
    }
  }
  if (!manifest) throw damaged('Its end is missing.')
  digests.compare(manifest.content)
  onEnd({ signature: signatureOf(header, note, manifest.hash), manifest: manifest.hash.toString('hex') })
}

function signatureOf({ sender }: BackupHeader, note: string | undefined, manifest: Buffer): Checked['signature'] {
  if (!sender) return note === undefined ? 'none' : 'wrong'
  try {
    checkBackupSeal(note ?? '', sender.verifier_key, manifest)
    return 'valid'
  } catch (error) {
    if (error instanceof NoteError) return 'wrong'
    throw error
  }
}

/** What was read, to be compared with what the manifest says. */
class Digests {
  readonly #found = new Map<string, { bytes: number; hash: Hash }>()

  add(name: string, content: Uint8Array): void {
    const found = this.#found.get(name) ?? { bytes: 0, hash: createHash('sha256') }
    found.hash.update(content)
    this.#found.set(name, { ...found, bytes: found.bytes + content.length })
  }

  compare({ header, tables, files }: BackupManifest): void {
    const wanted = new Map([
      ['header', header],
      ...Object.entries(tables).map(([name, digest]) => [`table ${name}`, digest] as const),
      ...Object.entries(files).map(([name, digest]) => [`file ${name}`, digest] as const),
    ])
    for (const [name, { bytes, sha256 }] of wanted) {
      const found = this.#found.get(name)
      if (found?.bytes !== bytes || found.hash.digest('hex') !== sha256)
        throw damaged(`Its ${name} is not what was backed up.`)
    }
    if (wanted.size !== this.#found.size) throw damaged('It holds more than was backed up.')
  }
}

function headerIn(content: Uint8Array): BackupHeader {
  const json = jsonIn(content)
  const parsed = BackupHeader.safeParse(json)
  if (parsed.success) return parsed.data
  const format = typeof json === 'object' && json !== null && 'format' in json ? String(json.format) : ''
  if (/^stewrd-backup\/\d+$/.test(format) && !['stewrd-backup/1', 'stewrd-backup/2'].includes(format))
    throw new BackupError('BACKUP_NEWER', `The backup has the format ${format}: restore it with a newer Stewrd.`)
  throw damaged('Its header cannot be read.')
}

function manifestIn(content: Uint8Array): BackupManifest {
  const parsed = BackupManifest.safeParse(jsonIn(content))
  if (!parsed.success) throw damaged('Its manifest cannot be read.')
  return parsed.data
}

function jsonIn(content: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(content).toString('utf8'))
  } catch {
    return undefined
  }
}
