import { parseKeyring, refOf, serializeKeyring } from '@stewrd/crypto/keyring-format.ts'
import type { StoredKeyring } from '@stewrd/crypto/keyring-format.ts'
import type { KekRef } from '@stewrd/crypto/keyring.ts'
import { nameOfKek, sameKek } from '@stewrd/crypto/keyring.ts'
import type { Env } from '../env.ts'
import { BackupError } from './backup-error.ts'
import { contentOf } from './home-files.ts'

/**
 * The master keys of all files of the keyring, as one file: what a restored deployment starts with. Refused while anything depends on a key
 * that is in none of them, as those of a token or of KMS are not.
 */
export async function ownKeyring({ keyring }: Pick<Env, 'keyring'>, needed: readonly KekRef[]): Promise<Buffer> {
  const read = await Promise.all(
    keyring.map(async (spec) => (spec.kind === 'file' ? await ringAt(spec.path) : undefined)),
  )
  const rings = read.filter((ring) => ring !== undefined)
  const keys = rings.flatMap((ring) => ring.keys)
  const elsewhere = needed.filter((kek) => !keys.some((key) => sameKek(key, kek)))
  if (elsewhere.length > 0 || !rings[0]) throw notInFiles(elsewhere)
  const once = keys.filter((key, i) => keys.findIndex((other) => sameKek(other, key)) === i)
  return Buffer.from(serializeKeyring({ format: rings[0].format, primary: refOf(rings[0].primary), keys: once }))
}

async function ringAt(path: string): Promise<StoredKeyring | undefined> {
  const content = await contentOf(path)
  return content && parseKeyring(content.toString('utf8'), path)
}

const notInFiles = (keks: readonly KekRef[]) =>
  new BackupError(
    'MASTER_KEY_MISSING',
    [
      keks.length > 0
        ? `No keyring file has the master key ${keks.map(nameOfKek).join(', ')}, which data depends on: it cannot be put into a backup.`
        : 'STEWRD_KEYRING names no file: its master keys cannot be put into a backup.',
      'Back up without --include-master-key, or rotate to a key in a file first. Nothing was written.',
    ].join(' '),
  )
