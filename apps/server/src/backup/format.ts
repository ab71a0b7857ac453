import { z } from 'zod'
import { belongsToBackup } from './home-files.ts'

const Count = z.int().min(0)
const Sha256 = z.string().regex(/^[0-9a-f]{64}$/)
const Bytes = z.strictObject({ bytes: Count, sha256: Sha256 })

/** `header.json`, the first entry: what follows, and what is needed to restore it. docs/formats/backup.md */
export const BackupHeader = z.object({
  format: z.literal('stewrd-backup/1'),
  version: z.string(),
  taken_at: z.iso.datetime(),
  server: z.string(),
  migrations: z.array(z.strictObject({ name: z.string(), sha256: Sha256 })).min(1),
  tables: z.array(z.strictObject({ name: z.string(), columns: z.array(z.string()).min(1), rows: Count })).min(1),
  sequences: z.array(z.strictObject({ name: z.string(), value: z.int() })),
  master_keys: z.array(
    z.strictObject({ id: z.string(), version: z.int().min(1), projects: Count, canary: z.base64().nullable() }),
  ),
  log: z.strictObject({
    size: Count,
    hashed: Count,
    checkpoint: z.strictObject({ size: Count, at: z.iso.datetime() }).nullable(),
  }),
  with_master_key: z.boolean(),
})
export type BackupHeader = z.infer<typeof BackupHeader>

/** `manifest.json`, the last entry: the digest of everything before it. */
export const BackupManifest = z.object({
  header: Bytes,
  tables: z.record(z.string(), Bytes),
  files: z.record(z.string(), Bytes),
})
export type BackupManifest = z.infer<typeof BackupManifest>

/** What an entry of the archive is, by its name. */
export type EntryKind =
  | { kind: 'header' }
  | { kind: 'manifest' }
  | { kind: 'table'; table: string }
  | { kind: 'file' | 'keyring'; path: string }

export function kindOf(name: string): EntryKind | undefined {
  if (name === 'header.json') return { kind: 'header' }
  if (name === 'manifest.json') return { kind: 'manifest' }
  const [, folder, rest = ''] = /^(tables|files|keyring)\/(.+)$/.exec(name) ?? []
  if (folder === 'tables') return { kind: 'table', table: rest.replace(/\/\d+$/, '') }
  if (folder === 'files') return belongsToBackup(rest) ? { kind: 'file', path: rest } : undefined
  return name === 'keyring/keyring.json' ? { kind: 'keyring', path: rest } : undefined
}
