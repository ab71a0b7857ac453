import type { SnapshotShape } from '@stewrd/db/backup/snapshot.ts'
import type { BackupHeader } from './format.ts'

/** A snapshot's shape as the backup's header says it. */
export function headerOf(
  shape: SnapshotShape,
  { version, withMasterKey }: { version: string; withMasterKey: boolean },
): BackupHeader {
  const { takenAt, server, migrations, tables, sequences, masterKeys, log } = shape
  const checkpoint = log.checkpoint && { size: log.checkpoint.size, at: new Date(log.checkpoint.at).toISOString() }
  return {
    format: 'stewrd-backup/1',
    version,
    taken_at: new Date(takenAt).toISOString(),
    server,
    migrations,
    tables,
    sequences,
    master_keys: masterKeys.map((key) => ({ ...key, canary: key.canary?.toString('base64') ?? null })),
    log: { ...log, checkpoint },
    with_master_key: withMasterKey,
  }
}

export function shapeOf(header: BackupHeader): SnapshotShape {
  const { taken_at, server, migrations, tables, sequences, master_keys, log } = header
  return {
    takenAt: Date.parse(taken_at),
    server,
    migrations,
    tables,
    sequences,
    masterKeys: master_keys.map((key) => ({
      ...key,
      canary: key.canary === null ? null : Buffer.from(key.canary, 'base64'),
    })),
    log: { ...log, checkpoint: log.checkpoint && { size: log.checkpoint.size, at: Date.parse(log.checkpoint.at) } },
  }
}
