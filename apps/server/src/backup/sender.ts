import { join } from 'node:path'
import { unwrapDataKey } from '@stewrd/crypto/data-key.ts'
import { KeyringError } from '@stewrd/crypto/keyring.ts'
import { deriveKey } from '@stewrd/crypto/mac.ts'
import type { NoteSigner } from '@stewrd/crypto/signed-note.ts'
import { NoteError, openNote } from '@stewrd/crypto/signed-note.ts'
import { theAccount } from '@stewrd/db/accounts.ts'
import { connect, disconnect } from '@stewrd/db/connect.ts'
import { DataKeys, deploymentKeyRef } from '@stewrd/db/data-keys.ts'
import type { Env } from '../env.ts'
import { egressOf } from '../kernel/egress-of.ts'
import { openKeyring } from '../keys/open-keyring.ts'
import { checkpointFiles } from '../log/checkpoint-files.ts'
import { LOG_SIGNER, logKey, logKeyOf } from '../log/public-log.ts'
import { BackupError } from './backup-error.ts'
import type { Checked } from './contents.ts'
import type { BackupHeader, BackupSender } from './format.ts'

/** Whose backups are restored. Without any of these, only the home's own. */
export type SenderPolicy = {
  /** The verifier key of the deployment that must have made it. */
  sender?: string | undefined
  /** A backup of any deployment is restored. */
  anySender?: boolean | undefined
  /** One without a signature, or with a wrong one, is restored. */
  allowUnsigned?: boolean | undefined
  /** Asks a person, where there is one. Says what was found out, and returns whether to restore. */
  ask?: ((finding: string) => Promise<boolean>) | undefined
}
/** How it is known whose backup it is; `null`: it is not. */
export type SenderProof = 'keyring' | 'checkpoint' | 'given' | 'accepted' | null

/** The key that a backup of this database is signed with. Refused with SENDER_UNKNOWN when the keyring does not open it. */
export async function signerOf(url: string, env: Env): Promise<NoteSigner> {
  const sql = connect(url, { max: 1, role: null, applicationName: 'stewrd-backup' })
  const egress = egressOf(env)
  try {
    const keyring = await openKeyring({ env, egress }, { create: false })
    return await logKey(new DataKeys(sql, keyring), (await theAccount(sql)).accountId)
  } catch (error) {
    if (!(error instanceof KeyringError)) throw error
    throw new BackupError(
      'SENDER_UNKNOWN',
      `The backup cannot be signed: ${error.message} Give --unsigned to make one that names no sender; nothing was written.`,
    )
  } finally {
    await Promise.all([disconnect(sql), egress.close()])
  }
}

/**
 * Makes sure that whoever restores knows whose backup it is. It is the home's own when this home's keyring opens the key that it was signed
 * with, or signed a checkpoint that is here. Refused with SIGNATURE_WRONG, SENDER_OTHER or SENDER_UNCONFIRMED before anything is changed.
 */
export async function confirmSender(checked: Checked, env: Env, policy: SenderPolicy): Promise<SenderProof> {
  const { header, signature } = checked
  const { sender } = header
  if (signature === 'wrong' && !policy.allowUnsigned)
    throw new BackupError(
      'SIGNATURE_WRONG',
      `The backup says that it is of ${sender?.name ?? 'nobody'}, but the signature is not of that key. It was changed, or somebody else made it. Nothing was changed; --allow-unsigned restores it all the same.`,
    )
  if (policy.sender !== undefined && policy.sender !== sender?.verifier_key)
    throw new BackupError(
      'SENDER_OTHER',
      `The backup is of ${sender ? described(sender) : 'no named sender'}, and not of ${policy.sender}. Nothing was changed.`,
    )
  if (!sender || signature !== 'valid') return acceptUnsigned(header, policy)
  if (policy.sender !== undefined) return 'given'
  const proof = await ownershipOf(sender, header, env)
  if (proof) return proof
  const finding = `The backup was made and signed by ${described(sender)}. Nothing in this home shows that this is its own deployment.`
  const how = `Give --sender with that key if you know it, or --any-sender.`
  return accept(policy, { finding, how, without: policy.anySender })
}

const described = ({ name, verifier_key }: BackupSender) => `${name} (${verifier_key})`

function acceptUnsigned(header: BackupHeader, policy: SenderPolicy): Promise<SenderProof> {
  const finding = `The backup of ${header.taken_at} is not signed, so nobody can tell who made it.`
  return accept(policy, { finding, how: 'Give --allow-unsigned if you know.', without: policy.allowUnsigned })
}

type Question = { finding: string; how: string; without: boolean | undefined }

async function accept({ ask }: SenderPolicy, { finding, how, without }: Question): Promise<SenderProof> {
  if (without || (await ask?.(finding))) return 'accepted'
  throw new BackupError(
    'SENDER_UNCONFIRMED',
    `${finding} ${ask ? 'Nothing was changed.' : `${how} Nothing was changed.`}`,
  )
}

async function ownershipOf(sender: BackupSender, header: BackupHeader, env: Env): Promise<SenderProof> {
  if (!header.with_master_key && (await keyringOpens(sender, env))) return 'keyring'
  return (await signedHere(sender, env)) ? 'checkpoint' : null
}

/** Only who has a master key of this keyring can have wrapped the key that signs. */
async function keyringOpens({ name, verifier_key, data_key }: BackupSender, env: Env): Promise<boolean> {
  const egress = egressOf(env)
  try {
    const keyring = await openKeyring({ env, egress }, { create: false })
    const { id, epoch, kek_id, kek_version, wrapped } = data_key
    const kek = { id: kek_id, version: kek_version }
    const root = await unwrapDataKey(keyring, deploymentKeyRef(id, epoch), {
      kek,
      wrapped: Buffer.from(wrapped, 'base64'),
    })
    return logKeyOf(name, deriveKey(root, LOG_SIGNER)).verifierKey === verifier_key
  } catch (error) {
    if (error instanceof KeyringError) return false
    throw error
  } finally {
    await egress.close()
  }
}

/** Checkpoints are kept outside the database, and outlive it. */
async function signedHere({ verifier_key }: BackupSender, { home, anchorDir }: Env): Promise<boolean> {
  const files = [checkpointFiles(join(home, 'log', 'checkpoints')), checkpointFiles(anchorDir)]
  const notes = (await Promise.all(files.map((one) => one.latest()))).flatMap((found) => found ?? [])
  return notes.some(({ note }) => {
    try {
      openNote(note, verifier_key)
      return true
    } catch (error) {
      if (error instanceof NoteError) return false
      throw error
    }
  })
}
