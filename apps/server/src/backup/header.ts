import type { NoteSigner } from '@stewrd/crypto/signed-note.ts'
import type { SnapshotShape, WrappedDeploymentKey } from '@stewrd/db/backup/snapshot.ts'
import type { BackupHeader, BackupSender } from './format.ts'

/** A snapshot's shape as the backup's header says it. */
export function headerOf(
  shape: SnapshotShape,
  { version, withMasterKey, signer }: { version: string; withMasterKey: boolean; signer?: NoteSigner | undefined },
): BackupHeader {
  const { takenAt, server, migrations, tables, sequences, masterKeys, deploymentKey, log } = shape
  const checkpoint = log.checkpoint && { size: log.checkpoint.size, at: new Date(log.checkpoint.at).toISOString() }
  return {
    format: 'stewrd-backup/2',
    version,
    taken_at: new Date(takenAt).toISOString(),
    server,
    migrations,
    tables,
    sequences,
    master_keys: masterKeys.map((key) => ({ ...key, canary: key.canary?.toString('base64') ?? null })),
    log: { ...log, checkpoint },
    with_master_key: withMasterKey,
    sender: signer && deploymentKey ? senderOf(signer, deploymentKey) : null,
  }
}

function senderOf({ name, verifierKey }: NoteSigner, key: WrappedDeploymentKey): BackupSender {
  const { id, epoch, kekId: kek_id, kekVersion: kek_version } = key
  const data_key = { id, epoch, kek_id, kek_version, wrapped: key.wrapped.toString('base64') }
  return { name, verifier_key: verifierKey, data_key }
}

export function shapeOf(header: BackupHeader): Omit<SnapshotShape, 'deploymentKey'> {
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
