import { randomUUID } from 'node:crypto'
import { readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { openKeyringFile } from '@stewrd/crypto/keyring-file.ts'
import { connect, disconnect } from '@stewrd/db/connect.ts'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { createApp } from '../app.ts'
import type { Env } from '../env.ts'
import { createLogger } from '../kernel/log.ts'
import type { Platform } from '../platform.ts'
import { createPlatform } from '../platform.ts'
import { createProject } from '../projects/service.ts'
import { keyA } from '../runs/v1.testing.ts'
import { systemHealth } from '../system/router.ts'
import { clientOf } from '../testing/server.ts'
import { stewrd } from '../testing/server-process.ts'
import { backUp } from './backup.ts'
import { drill } from './drill.ts'
import { restore } from './restore.ts'
import type { Backups } from './testing/backups.ts'
import { openBackups } from './testing/backups.ts'
import { emptyPlace } from './testing/empty-place.ts'

const log = createLogger({ production: true, logLevel: 'silent' })
const passphrase = `correct horse ${randomUUID()}`
let backups: Backups
beforeAll(async () => {
  backups = await openBackups()
})
afterAll(() => backups.close())

const write = (platform: Platform) => createProject(platform, { name: 'x' }, 'operator:test')
const signedUpTo = (platform: Platform) =>
  vi.waitFor(
    async () => {
      const { size, checkpoint } = (await systemHealth(platform)).log
      expect(checkpoint?.size).toBe(size)
      return size
    },
    { timeout: 15_000 },
  )
const logOf = (platform: Platform, below: number) =>
  platform.worker`select idx, project_id, stream, seq, type, at from log where idx < ${below} order by idx`

test('a backup under write load is the log up to one moment, and its history verifies', async () => {
  const load = { on: true }
  const writers = Array.from({ length: 4 }, async () => {
    while (load.on) await write(backups.bed.tested.platform)
  })
  const { file, done } = await backups.backedUp()
  const later = await backups.backedUp()
  load.on = false
  await Promise.all(writers)
  expect(later.done.rows).toBeGreaterThan(done.rows)
  for (const one of [{ file, done }, later]) {
    const { restored, verified } = await drill(backups.bed.tested.env, { file: one.file, key: backups.key })
    expect(verified).toMatchObject({ wrong: 0, findings: [], size: one.done.entries })
    expect(restored.header.log.size).toBe(one.done.entries)
  }
  const sql = connect(backups.bed.tested.database.url, { max: 1, role: null })
  expect(await sql`select from pg_database where datname like 'stewrd_drill_%'`).toHaveLength(0)
  await disconnect(sql)
})

test('what is restored by the commands goes on: positions, order and proofs hold, and nothing secret is in the file', async () => {
  const { platform, database, env } = backups.bed.tested
  await write(platform)
  const kept = await platform.files.service.keep(
    { projectId: backups.bed.project.projectId, name: 'a.txt', origin: 'upload', runId: null },
    Readable.from([Buffer.from('a stored file')]),
    (append) => append({ actor: 'operator:test' }),
  )
  const signed = await signedUpTo(platform)
  const file = join(backups.folder, 'by-command')
  const variables = { STEWRD_BACKUP_PASSPHRASE: passphrase }
  const from = { variables: { ...variables, DATABASE_URL: database.url } }
  const made = await stewrd(env.home, ['--json', 'backup', file], from)
  expect(made).toMatchObject({ code: 0, stderr: '' })
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  const { entries } = made.json() as { entries: number }
  expect(entries).toBeGreaterThanOrEqual(signed)

  const egress = { STEWRD_EGRESS_ALLOW: backups.bed.upstream.host }
  const place = await emptyPlace({ keyring: backups.keyring, variables: egress })
  const to = { variables: { ...variables, DATABASE_URL: place.url } }
  const restored = await stewrd(place.home, ['--json', 'restore', file], to)
  expect(restored).toMatchObject({ code: 0, stderr: '' })
  const sender = platform.publicLog.origin
  expect(made.json()).toMatchObject({ sender })
  expect(restored.json()).toMatchObject({ entries, with_master_key: false, sender, sender_proof: 'keyring' })

  const again = await createPlatform(place.env, { as: 'server', log })
  onTestFinished(() => again.close())
  expect(await logOf(again, entries)).toEqual(await logOf(platform, entries))
  expect(again.publicLog.verifierKey).toBe(platform.publicLog.verifierKey)
  await write(again)
  expect(await signedUpTo(again)).toBeGreaterThan(entries)
  expect((await again.verifier.verify('operator:test', { open: Number.MAX_SAFE_INTEGER })).findings).toEqual([])
  expect(await again.publicLog.examine()).toBeUndefined()

  const app = await createApp({ platform: again, log })
  onTestFinished(() => app.close())
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const { cookie } = backups.bed.server
  const { apiKey } = backups.bed.project
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' }
  const run = await fetch(`${url}/v1/agent`, { method: 'POST', headers, body: JSON.stringify({ message: 'Hi' }) })
  expect(run.status).toBe(200)
  expect(await (await fetch(`${url}/v1/files/${kept.fileId}/content`, { headers })).text()).toBe('a stored file')
  const signedInBefore = clientOf(url, cookie).projects.list.query()
  await expect(signedInBefore).rejects.toMatchObject({ data: { code: 'UNAUTHORIZED' } })

  const bytes = (await readFile(file)).toString('latin1')
  for (const secret of [
    keyA,
    passphrase,
    Buffer.from(keyA).toString('hex'),
    Buffer.from(passphrase).toString('base64'),
  ])
    for (const text of [bytes, made.stdout, restored.stdout]) expect(text.includes(secret)).toBe(false)
})

test('an older backup works, but is not signed: health says why', async () => {
  const { platform } = backups.bed.tested
  await write(platform)
  const early = await signedUpTo(platform)
  const { file } = await backups.backedUp()
  await write(platform)
  const late = await signedUpTo(platform)
  const place = await emptyPlace({
    keyring: backups.keyring,
    variables: { STEWRD_ANCHOR_DIR: backups.bed.tested.env.anchorDir },
  })
  await restore({ env: place.env, database: async () => place.url }, { file, key: backups.key })
  const again = await createPlatform(place.env, { as: 'server', log })
  onTestFinished(() => again.close())
  await vi.waitFor(async () => expect((await systemHealth(again)).log.alarm?.code).toBe('LOG_SHRANK'), 15_000)
  const { alarm, checkpoint } = (await systemHealth(again)).log
  expect(alarm?.message).toContain(`The log has ${early} entries, but a checkpoint of ${late} was signed`)
  expect(checkpoint?.size).toBe(early)
})

test('with its master key a backup needs no other keyring', async () => {
  const { file } = await backups.backedUp(true)
  const { verified } = await drill({ ...backups.bed.tested.env }, { file, key: backups.key })
  expect(verified.wrong).toBe(0)
  const place = await emptyPlace()
  const senders = { sender: backups.bed.tested.platform.publicLog.verifierKey }
  await restore({ env: place.env, database: async () => place.url }, { file, key: backups.key, senders })
  expect(await readFile(join(place.home, 'keyring.json'), 'utf8')).toBe(await readFile(backups.keyring, 'utf8'))
  expect((await stat(join(place.home, 'keyring.json'))).mode & 0o777).toBe(0o600)
  const inTheWay = await emptyPlace({ keyring: backups.keyring })
  await expect(
    restore({ env: inTheWay.env, database: async () => inTheWay.url }, { file, key: backups.key, senders }),
  ).rejects.toMatchObject({ code: 'KEYRING_IN_THE_WAY' })
})

test('a drill finds a history that was edited before the backup, names the event, and exits with 1', async () => {
  const { database, env } = backups.bed.tested
  const owner = connect(database.url, { max: 1, role: null })
  onTestFinished(() => disconnect(owner))
  const [event] = await owner<{ stream: string; seq: number; actor: string }[]>`
    select stream, seq, actor from events where stream like 'project:%' order by at limit 1`
  const edit = (actor: string) =>
    owner`update events set actor = ${actor} where stream = ${event!.stream} and seq = ${event!.seq}`
  await edit('operator:other')
  const { file } = await backups.backedUp()
  await edit(event!.actor)
  const identity = join(backups.folder, 'identity.txt')
  await writeFile(identity, `# made for a test\n${backups.key.identities.reveal()}\n`, { mode: 0o600 })
  const drilled = await stewrd(env.home, ['--json', 'restore', '--drill', file, '--identity', identity], {
    variables: { DATABASE_URL: database.url },
  })
  expect(drilled.code).toBe(1)
  const report = drilled.json() as { ok: boolean; wrong: number; findings: { message: string }[]; age_seconds: number }
  expect(report).toMatchObject({
    ok: false,
    restore_ms: expect.any(Number) as number,
    checkpoint: { at: expect.any(String) as string },
  })
  expect(report.wrong).toBeGreaterThan(0)
  expect(report.findings[0]!.message).toContain(event!.stream)
  expect(report.age_seconds).toBeLessThan(60)
})

test('a backup that cannot be written leaves nothing behind', async () => {
  const before = await readdir(backups.folder)
  const options = { to: { recipients: backups.recipients }, withMasterKey: false, version: '0' }
  const onProgress = () => {
    throw new Error('stopped')
  }
  await expect(
    backUp(backups.source, { ...options, file: join(backups.folder, 'stopped'), onProgress }),
  ).rejects.toThrow('stopped')
  const inside = join(backups.folder, before[0]!, 'inside-a-file')
  await expect(backUp(backups.source, { ...options, file: inside })).rejects.toMatchObject({ code: 'FILE_UNWRITABLE' })
  expect(await readdir(backups.folder)).toEqual(before)
})

test('a backup removes what one that was killed left a day ago, and nothing else', async () => {
  const draft = (name: string) => join(backups.folder, name)
  const [killed, underWay, another] = ['.stewrd-0123456789ab', '.stewrd-ba9876543210', '.stewrd-notes']
  for (const name of [killed, underWay, another]) await writeFile(draft(name), 'half')
  const twoDaysAgo = new Date(Date.now() - 2 * 24 * 60 * 60_000)
  for (const name of [killed, another]) await utimes(draft(name), twoDaysAgo, twoDaysAgo)
  await backups.backedUp()
  const left = await readdir(backups.folder)
  expect(left).not.toContain(killed)
  expect(left).toEqual(expect.arrayContaining([underWay, another]))
})

test('with its master key a backup brings the keys of every keyring file, and is refused while data depends on another', async () => {
  const { source, keyring, key, recipients, folder } = backups
  const other = join(folder, 'other-keyring.json')
  const { primary } = await openKeyringFile(other)
  const backedUp = async (specs: Env['keyring']) => {
    const file = join(folder, randomUUID())
    const options = { file, to: { recipients }, withMasterKey: true, version: '0' }
    await backUp({ ...source, env: { ...source.env, keyring: specs } }, options)
    return file
  }
  const file = await backedUp([
    { kind: 'file', path: other },
    { kind: 'awskms', arn: 'arn:aws:kms:eu-central-1:000000000000:key/one' },
    { kind: 'file', path: keyring },
  ])
  const place = await emptyPlace()
  const senders = { allowUnsigned: true }
  await restore({ env: place.env, database: async () => place.url }, { file, key, senders })
  const restored = await openKeyringFile(join(place.home, 'keyring.json'), { create: false })
  expect(restored.primary).toEqual(primary)
  expect(restored.keys).toEqual([primary, ...(await openKeyringFile(keyring, { create: false })).keys])

  const before = await readdir(folder)
  await expect(backedUp([{ kind: 'file', path: other }])).rejects.toMatchObject({
    code: 'MASTER_KEY_MISSING',
    message: expect.stringMatching(/No keyring file has the master key kek_\w+\/1, which data depends on/) as string,
  })
  expect(await readdir(folder)).toEqual(before)
})
