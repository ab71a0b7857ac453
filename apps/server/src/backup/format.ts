import { z } from 'zod'
import { belongsToBackup } from './home-files.ts'

const Count = z.int().min(0)
const Sha256 = z.string().regex(/^[0-9a-f]{64}$/)
const Bytes = z.strictObject({ bytes: Count, sha256: Sha256 })

/** The deployment that made a backup: its log's key, and the key that one is derived from as the database holds it, wrapped. */
const Sender = z.strictObject({
  name: z.string(),
  verifier_key: z.string(),
  data_key: z.strictObject({
    id: z.uuid(),
    epoch: z.int().min(1),
    kek_id: z.string(),
    kek_version: z.int().min(1),
    wrapped: z.base64(),
  }),
})
export type BackupSender = z.infer<typeof Sender>

/** `header.json`, the first entry: what follows, and what is needed to restore it. docs/formats/backup.md */
export const BackupHeader = z.object({
  format: z.enum(['stewrd-backup/1', 'stewrd-backup/2']),
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
  /** Null in one that was not signed, as those of version 1 are. */
  sender: Sender.nullable().default(null),
})
export type BackupHeader = z.infer<typeof BackupHeader>

/** `manifest.json`: the digest of everything before it. Behind it stands its signature, `manifest.sig`, if the backup is signed. */
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
  | { kind: 'signature' }
  | { kind: 'table'; table: string }
  | { kind: 'file' | 'keyring'; path: string }

export function kindOf(name: string): EntryKind | undefined {
  if (name === 'header.json') return { kind: 'header' }
  if (name === 'manifest.json') return { kind: 'manifest' }
  if (name === 'manifest.sig') return { kind: 'signature' }
  const [, folder, rest = ''] = /^(tables|files|keyring)\/(.+)$/.exec(name) ?? []
  if (folder === 'tables') return { kind: 'table', table: rest.replace(/\/\d+$/, '') }
  if (folder === 'files') return belongsToBackup(rest) ? { kind: 'file', path: rest } : undefined
  return name === 'keyring/keyring.json' ? { kind: 'keyring', path: rest } : undefined
}
