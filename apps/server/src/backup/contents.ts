import type { Hash } from 'node:crypto'
import { createHash } from 'node:crypto'
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

/** Opens a backup. Throws KEY_WRONG, BACKUP_NEWER for a format that a newer program wrote, and what `readArchive` throws. */
export async function openBackup(
  options: ReadOptions,
  onFile: (file: FileFound) => Promise<void> = async () => {},
): Promise<Contents> {
  const entries = readArchive(options)
  const first = await entries.next()
  if (first.done || first.value.name !== 'header.json') throw damaged('It does not begin as a backup of Stewrd does.')
  return { header: headerIn(first.value.content), parts: partsOf(first.value, entries, onFile) }
}

/** Reads all of it and keeps nothing. */
export async function checkBackup(options: ReadOptions): Promise<BackupHeader> {
  const { header, parts } = await openBackup(options)
  for await (const _ of parts);
  return header
}

async function* partsOf(
  first: ArchiveEntry,
  entries: AsyncIterable<ArchiveEntry>,
  onFile: (file: FileFound) => Promise<void>,
): AsyncGenerator<TablePart> {
  const digests = new Digests()
  digests.add('header', first.content)
  let manifest: BackupManifest | undefined
  for await (const { name, content } of entries) {
    const found = kindOf(name)
    if (!found || found.kind === 'header' || manifest)
      throw damaged(`It holds ${JSON.stringify(name)}, which does not belong there.`)
    if (found.kind === 'manifest') manifest = manifestIn(content)
    else if (found.kind === 'table') {
      digests.add(`table ${found.table}`, content)
      yield { table: found.table, bytes: content }
    } else {
      digests.add(`file ${name}`, content)
      await onFile({ ...found, content })
    }
  }
  if (!manifest) throw damaged('Its end is missing.')
  digests.compare(manifest)
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
  if (/^stewrd-backup\/\d+$/.test(format) && format !== 'stewrd-backup/1')
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
