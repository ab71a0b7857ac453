import type { ReadableStream } from 'node:stream/web'
import { Decrypter, Encrypter } from 'age-encryption'
import type { Secret } from '@stewrd/crypto/secret.ts'
import { BackupError } from './backup-error.ts'

/** Whom a backup is sealed to. */
export type SealTo = { passphrase: Secret } | { recipients: readonly string[] }
/** What opens one: the passphrase, or the contents of an age identity file. */
export type OpenWith = { passphrase: Secret } | { identities: Secret }

type Bytes = ReadableStream<Uint8Array>

/** Refused with RECIPIENT_UNUSABLE before anything is written. */
export function sealerOf(to: SealTo): Encrypter {
  const encrypter = new Encrypter()
  if ('passphrase' in to) encrypter.setPassphrase(to.passphrase.reveal())
  else
    for (const recipient of to.recipients)
      try {
        encrypter.addRecipient(recipient)
      } catch {
        throw new BackupError('RECIPIENT_UNUSABLE', `"${recipient.slice(0, 12)}…" is not an age recipient (age1…).`)
      }
  return encrypter
}

/** Sealed as it comes, in pieces of 64 kB that each prove themselves; the last one proves that nothing was cut off. */
export const sealed = async (encrypter: Encrypter, plain: Bytes): Promise<Bytes> =>
  (await encrypter.encrypt(plain as never)) as unknown as Bytes

/** What was sealed. Refused with KEY_WRONG; later pieces fail while they are read. */
export async function opened(file: Bytes, key: OpenWith): Promise<Bytes> {
  const decrypter = openerOf(key)
  try {
    return (await decrypter.decrypt(file as never)) as unknown as Bytes
  } catch (error) {
    if (error instanceof BackupError) throw error
    if (error instanceof Error && error.message.startsWith('no identity matched'))
      throw new BackupError('KEY_WRONG', 'The passphrase or identity does not open this backup. Nothing was changed.')
    throw damaged('It is no sealed backup, or its beginning was changed.')
  }
}

function openerOf(key: OpenWith): Decrypter {
  const decrypter = new Decrypter()
  if ('passphrase' in key) {
    decrypter.addPassphrase(key.passphrase.reveal())
    return decrypter
  }
  const lines = key.identities.reveal().split(/\r?\n/)
  const found = lines.map((line) => line.trim()).filter((line) => line && !line.startsWith('#'))
  try {
    for (const line of found) decrypter.addIdentity(line)
  } catch {
    throw new BackupError('KEY_WRONG', 'The identity file has a line that is not an age identity (AGE-SECRET-KEY-1…).')
  }
  return decrypter
}

export const damaged = (why: string) =>
  new BackupError('BACKUP_DAMAGED', `The backup cannot be used: ${why} Nothing was changed.`)
