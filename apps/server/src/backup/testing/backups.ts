import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateIdentity, identityToRecipient } from 'age-encryption'
import { Secret } from '@stewrd/crypto/secret.ts'
import { openBed } from '../../runs/v1.testing.ts'
import { backUp } from '../backup.ts'
import { signerOf } from '../sender.ts'

export type Backups = Awaited<ReturnType<typeof openBackups>>

/** A server that works, a folder for backups of it, and whom they are sealed to. */
export async function openBackups() {
  const identity = await generateIdentity()
  const recipients = [await identityToRecipient(identity)]
  const folder = await mkdtemp(join(tmpdir(), 'stewrd-backups-'))
  const bed = await openBed()
  const source = { url: bed.tested.database.url, env: bed.tested.env }
  return {
    bed,
    folder,
    recipients,
    key: { identities: new Secret(identity) },
    source,
    keyring: join(bed.tested.env.home, 'keyring.json'),
    async backedUp(withMasterKey = false) {
      const file = join(folder, randomUUID())
      const signer = await signerOf(source.url, source.env)
      return { file, done: await backUp(source, { file, to: { recipients }, withMasterKey, signer, version: '0' }) }
    },
    async close() {
      await bed.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
