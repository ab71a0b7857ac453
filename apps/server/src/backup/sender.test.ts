// Whose backup it is. A file of its own: each test restores or refuses, and the refusals of damaged files stand elsewhere.
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { signBackup } from '@stewrd/crypto/backup-seal.ts'
import { noteSigner } from '@stewrd/crypto/signed-note.ts'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { stewrd } from '../testing/server-process.ts'
import { checkBackup } from './contents.ts'
import type { RestoreOptions } from './restore.ts'
import { restore } from './restore.ts'
import type { Backups } from './testing/backups.ts'
import { openBackups } from './testing/backups.ts'
import type { EmptyPlace } from './testing/empty-place.ts'
import { emptyPlace } from './testing/empty-place.ts'
import { rewritten } from './testing/rewritten.ts'

let backups: Backups
/** The same deployment, without its master key and with it. */
let plain: string
let portable: string
let sender: { name: string; verifierKey: string }
beforeAll(async () => {
  backups = await openBackups()
  const { publicLog } = backups.bed.tested.platform
  await vi.waitUntil(() => publicLog.published.refresh(), { timeout: 20_000 })
  ;({ file: plain } = await backups.backedUp())
  ;({ file: portable } = await backups.backedUp(true))
  sender = { name: publicLog.origin, verifierKey: publicLog.verifierKey }
})
afterAll(() => backups.close())

const into = ({ env, url }: EmptyPlace, file: string, senders?: RestoreOptions['senders']) =>
  restore({ env, database: async () => url }, { file, key: backups.key, ...(senders && { senders }) })
const at = (name: string) => join(backups.folder, name)
const another = noteSigner('stewrd/log/another', Buffer.alloc(32, 1))

test('a backup names its sender, and is signed by that deployment’s log', async () => {
  const { header, signature } = await checkBackup({ file: plain, key: backups.key })
  expect(header).toMatchObject({
    format: 'stewrd-backup/2',
    sender: { name: sender.name, verifier_key: sender.verifierKey },
  })
  expect(signature).toBe('valid')
})

test('into a home whose keyring proves that it is its own, or which holds its checkpoints, it is restored at once', async () => {
  const own = await emptyPlace({ keyring: backups.keyring })
  expect(await into(own, plain)).toMatchObject({ proof: 'keyring' })
  const knows = await emptyPlace()
  await cp(join(backups.bed.tested.env.home, 'log'), join(knows.home, 'log'), { recursive: true })
  expect(await into(knows, portable)).toMatchObject({ proof: 'checkpoint' })
})

test('into any other home it says whose it is and asks; without an answer nothing is changed', async () => {
  const place = await emptyPlace()
  const refused = into(place, portable)
  await expect(refused).rejects.toMatchObject({ code: 'SENDER_UNCONFIRMED' })
  await expect(refused).rejects.toThrow(sender.verifierKey)
  await expect(refused).rejects.toThrow('--any-sender')
  const asked: string[] = []
  const ask = (answer: boolean) => async (finding: string) => {
    asked.push(finding)
    return answer
  }
  await expect(into(place, portable, { ask: ask(false) })).rejects.toMatchObject({ code: 'SENDER_UNCONFIRMED' })
  expect(await place.contents()).toEqual([])
  expect(await into(place, portable, { ask: ask(true) })).toMatchObject({ proof: 'accepted' })
  expect(asked).toEqual([expect.stringContaining(sender.name), expect.stringContaining(sender.name)])
})

test('whoever names the sender that they expect is asked nothing, and gets no other', async () => {
  const place = await emptyPlace()
  const other = into(place, portable, { sender: another.verifierKey })
  await expect(other).rejects.toMatchObject({ code: 'SENDER_OTHER' })
  expect(await place.contents()).toEqual([])
  expect(await into(place, portable, { sender: sender.verifierKey })).toMatchObject({ proof: 'given' })
})

test('one that somebody else signed is not taken for the home’s own, whatever it says', async () => {
  const place = await emptyPlace({ keyring: backups.keyring })
  const { header } = await checkBackup({ file: plain, key: backups.key })
  const forger = noteSigner(sender.name, Buffer.alloc(32, 1))
  const claimed = { ...header.sender!, verifier_key: forger.verifierKey }
  const forged = at('forged')
  await rewritten(backups, plain, {
    to: forged,
    header: { sender: claimed },
    signature: (manifest) => signBackup(forger, manifest),
  })
  await expect(into(place, forged)).rejects.toMatchObject({ code: 'SENDER_UNCONFIRMED' })
  await expect(into(place, forged, { sender: sender.verifierKey })).rejects.toMatchObject({ code: 'SENDER_OTHER' })
  expect(await place.contents()).toEqual([])
})

test('one that was changed, or signed by another key than it names, is refused unless that is allowed', async () => {
  const place = await emptyPlace({ keyring: backups.keyring })
  const wrong = {
    changed: { header: { taken_at: '2020-01-01T00:00:00.000Z' } },
    resigned: { signature: (manifest: Buffer) => signBackup(another, manifest) },
    stripped: { signature: null },
    garbage: { signature: () => 'no note' },
  }
  for (const [name, change] of Object.entries(wrong)) {
    await rewritten(backups, plain, { to: at(name), ...change })
    for (const senders of [{}, { anySender: true }, { ask: async () => true }, { sender: sender.verifierKey }])
      await expect(into(place, at(name), senders), name).rejects.toMatchObject({ code: 'SIGNATURE_WRONG' })
  }
  expect(await place.contents()).toEqual([])
  expect(await into(place, at('changed'), { allowUnsigned: true })).toMatchObject({ proof: 'accepted' })
})

test('one of the time before signatures is restored once somebody says so', async () => {
  const old = at('old')
  await rewritten(backups, plain, {
    to: old,
    header: { format: 'stewrd-backup/1', sender: undefined },
    signature: null,
  })
  const place = await emptyPlace({ keyring: backups.keyring })
  for (const senders of [{}, { anySender: true }, { ask: async () => false }])
    await expect(into(place, old, senders)).rejects.toMatchObject({ code: 'SENDER_UNCONFIRMED' })
  await expect(into(place, old, { sender: sender.verifierKey })).rejects.toMatchObject({ code: 'SENDER_OTHER' })
  expect(await place.contents()).toEqual([])
  expect(await into(place, old, { ask: async () => true })).toMatchObject({ proof: 'accepted' })
})

test('a file that takes the place of the one that was checked is not restored', async () => {
  const place = await emptyPlace({ keyring: backups.keyring })
  const file = at('swapped')
  await cp(plain, file)
  const database = async () => {
    await rewritten(backups, plain, { to: file, header: { version: 'other' }, signature: null })
    return place.url
  }
  await expect(restore({ env: place.env, database }, { file, key: backups.key })).rejects.toMatchObject({
    code: 'BACKUP_DAMAGED',
  })
  expect(await place.contents()).toEqual([])
})

test('the commands say the sender, and what to give where nobody can be asked', async () => {
  const { database, env } = backups.bed.tested
  const variables = { STEWRD_BACKUP_PASSPHRASE: 'a long enough passphrase' }
  const file = at('by-command')
  const made = await stewrd(env.home, ['backup', file, '--include-master-key'], {
    variables: { ...variables, DATABASE_URL: database.url },
  })
  expect(made).toMatchObject({ code: 0, stdout: expect.stringContaining(`Signed by ${sender.name}.`) as string })
  const place = await emptyPlace()
  const to = (...args: string[]) =>
    stewrd(place.home, ['restore', file, ...args], { variables: { ...variables, DATABASE_URL: place.url } })
  const refused = await to()
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain(`made and signed by ${sender.name} (${sender.verifierKey})`)
  expect(refused.stderr).toContain('Give --sender with that key if you know it, or --any-sender.')
  const restored = await to('--sender', sender.verifierKey)
  expect(restored).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`Made by ${sender.name}, as you said.`) as string,
  })
})

test('a backup without the keyring is made only when it is said that it is not signed', async () => {
  const { database } = backups.bed.tested
  const place = await emptyPlace()
  const backup = (...args: string[]) =>
    stewrd(place.home, ['backup', at('unsigned'), ...args], {
      variables: { STEWRD_BACKUP_PASSPHRASE: 'a long enough passphrase', DATABASE_URL: database.url },
    })
  expect(await backup()).toMatchObject({ code: 1, stderr: expect.stringContaining('Give --unsigned') as string })
  expect(await backup('--unsigned')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('It is not signed') as string,
  })
})
