import { randomUUID } from 'node:crypto'
import { projects, projectStream } from '@stewrd/core/projects/projects.ts'
import { headerOf, eventColumns } from '@stewrd/db/record.ts'
import type { EventRow } from '@stewrd/db/record.ts'
import { openEvent } from '@stewrd/crypto/envelope.ts'
import { DataKeys } from '@stewrd/db/data-keys.ts'
import { connect, disconnect } from '@stewrd/db/connect.ts'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openKeyring } from '../keys/open-keyring.ts'
import { createLogger } from '../kernel/log.ts'
import type { Platform } from '../platform.ts'
import { createPlatform } from '../platform.ts'
import type { Bed } from '../runs/v1.testing.ts'
import { keyA, openBed } from '../runs/v1.testing.ts'
import { rotateMaster } from '../keys/rotate-master.ts'
import { retireKey } from '../keys/service.ts'

let bed: Bed
let client: Bed['server']['client']
let platform: Platform
/** Another server on the same database, which has everything in memory. */
let other: Platform
beforeAll(async () => {
  bed = await openBed()
  ;({ client } = bed.server)
  ;({ platform } = bed.tested)
  const log = createLogger({ production: true, logLevel: 'silent' })
  other = await createPlatform(bed.tested.env, { as: 'server', log })
})
afterAll(async () => {
  await other?.close()
  await bed?.close()
})

const status = async (projectId: string) => (await client.projects.shredding.query({ projectId })).state
const history = async (projectId: string, on: Platform = platform) =>
  (await on.history.list(on.accountId, { projectId })).toSorted((a, b) => a.seq - b.seq)

describe('a request', () => {
  test('needs the name, puts the project at rest at once, and can be cancelled', async () => {
    const { projectId, apiKey } = await bed.newProject()
    expect((await bed.post({ message: 'Hi' }, { apiKey })).status).toBe(200)
    await expect(client.projects.shred.mutate({ projectId, confirm: 'runs' })).rejects.toMatchObject({
      data: { refusal: { code: 'SHRED_UNCONFIRMED' } },
    })
    const asked = await client.projects.shred.mutate({ projectId, confirm: 'Runs', reason: 'the customer left' })
    expect(asked).toMatchObject({ state: 'requested' })
    expect((await bed.post({ message: 'Hi' }, { apiKey })).status).toBe(401)
    const rename = client.projects.rename.mutate({ projectId, name: 'Other' })
    await expect(rename).rejects.toMatchObject({ data: { refusal: { code: 'PROJECT_SHREDDING' } } })
    const [listed] = (await client.projects.list.query()).filter((p) => p.projectId === projectId)
    expect(listed).toMatchObject({ status: 'shredding', name: 'Runs' })
    expect(await client.projects.cancelShred.mutate({ projectId })).toEqual({ state: 'none' })
    expect((await bed.post({ message: 'Hi' }, { apiKey })).status).toBe(200)
    expect((await client.projects.rename.mutate({ projectId, name: 'Kept' })).name).toBe('Kept')
  })

  test('is carried out by the server when its time has come', async () => {
    const { projectId } = await bed.newProject()
    const stream = { accountId: platform.accountId, projectId, stream: projectStream(projectId) }
    const by = { commandId: randomUUID(), actor: 'operator:test' }
    await platform.store.execute(projects, stream, { type: 'RequestShred', dueAt: Date.now() + 200 }, by)
    await vi.waitFor(async () => expect(await status(projectId)).toBe('pending'), { timeout: 20_000, interval: 100 })
    const [last] = (await history(projectId)).filter((e) => e.event.type === 'ProjectShredded')
    expect(last).toMatchObject({ actor: 'system:shredder' })
  })
})

describe('a shredded project', () => {
  let projectId: string
  let apiKey: string
  let runId: string
  let fileUrl: string
  let sealed: EventRow[]
  beforeAll(async () => {
    ;({ projectId, apiKey } = await bed.newProject())
    const answer = await bed.post({ message: 'a message that nobody may read again' }, { apiKey })
    runId = ((await answer.json()) as { id: string }).id
    const form = new FormData()
    form.append('file', new Blob(['a file that nobody may read again']), 'notes.txt')
    const headers = { authorization: `Bearer ${apiKey}` }
    const sent = await fetch(`${bed.server.url}/v1/files`, { method: 'POST', headers, body: form })
    fileUrl = ((await sent.json()) as { url: string }).url
    // The other server has opened it all before.
    await history(projectId, other)
    await client.projects.shred.mutate({ projectId, confirm: 'Runs', now: true })
    sealed = await platform.worker<EventRow[]>`
      select ${eventColumns(platform.sql)} from events e where project_id = ${projectId}`
  })

  test('keeps its history as it was recorded, and none of its contents, on every server', async () => {
    for (const on of [platform, other]) {
      const entries = await history(projectId, on)
      expect(entries.length).toBeGreaterThan(4)
      expect(entries.every((e) => e.unreadable === 'SHREDDED' && e.event.data === null)).toBe(true)
    }
    const { entries } = await client.history.list.query({ projectId })
    const said = entries.map((e) => e.text)
    expect(said).toContain('shredded the project: its keys are destroyed')
    expect(said).toContain('made a change (RunStarted) whose contents were shredded')
    expect(await client.history.get.query({ index: entries[0]!.index })).toMatchObject({ before: null, after: null })
    expect(JSON.stringify(entries)).not.toContain('nobody may read')
  })

  test('is a page without contents: everything that would show them is refused', async () => {
    expect(await client.projects.get.query({ projectId })).toMatchObject({
      status: 'shredded',
      name: 'Shredded project',
    })
    const refused = { data: { refusal: { code: 'PROJECT_SHREDDED' } } }
    await expect(client.llm.current.query({ projectId })).rejects.toMatchObject(refused)
    await expect(client.runs.get.query({ projectId, runId })).rejects.toMatchObject(refused)
    await expect(client.audit.configAt.query({ projectId, at: { time: Date.now() } })).rejects.toMatchObject(refused)
    await expect(client.projects.rename.mutate({ projectId, name: 'x' })).rejects.toMatchObject(refused)
    await expect(client.projects.cancelShred.mutate({ projectId })).rejects.toMatchObject(refused)
    await expect(client.apiKeys.regenerate.mutate({ projectId })).rejects.toMatchObject(refused)
    expect((await client.projects.list.query()).map((p) => p.projectId)).not.toContain(projectId)
    expect((await client.projects.listShredded.query())[0]).toMatchObject({ projectId, state: 'pending' })
  })

  test('has no files any more', async () => {
    const gone = await fetch(fileUrl)
    expect([gone.status, ((await gone.json()) as { error: { code: string } }).error.code]).toEqual([
      404,
      'file_not_found',
    ])
    expect(await platform.files.storage.count(`${platform.accountId}/${projectId}`)).toBe(0)
  })

  test('runs nothing, on no server', async () => {
    const answer = await bed.post({ message: 'Hi' }, { apiKey })
    expect([answer.status, ((await answer.json()) as { error: { code: string } }).error.code]).toEqual([
      401,
      'invalid_api_key',
    ])
    const write = { type: 'RenameProject', name: 'x' } as const
    const stream = { accountId: platform.accountId, projectId, stream: projectStream(projectId) }
    for (const on of [platform, other])
      await expect(
        on.store.execute(projects, stream, write, { commandId: randomUUID(), actor: 'operator:test' }),
      ).rejects.toMatchObject({ code: 'PROJECT_SHREDDED' })
    const keys = await platform.worker`select from data_keys where scope = ${projectId}`
    expect(keys).toHaveLength(0)
  })

  test('leaves no key behind that opens anything of it', async () => {
    const keys = new DataKeys(
      platform.sql,
      await openKeyring({ env: bed.tested.env, egress: platform.egress }, { create: false }),
    )
    const rows = await platform.worker<{ id: string; scope: string; account_id: string }[]>`
      select id, scope, account_id from data_keys where purpose = 'event'`
    expect(rows.length).toBeGreaterThan(0)
    for (const { id, scope, account_id } of rows) {
      const key = await keys.byId(account_id, scope, id)
      for (const row of sealed)
        expect(() => openEvent({ ...key, id: row.dek_id }, headerOf(row), row)).toThrow('ENVELOPE_TAMPERED')
    }
  })

  test('is left out of the rotation audit, which is complete without it', async () => {
    const audit = await client.audit.rotations.query({})
    expect(audit.unreadable).toBe(0)
    expect(audit.projects.map((p) => p.projectId)).not.toContain(projectId)
  })

  test('is complete once every master key that ever wrapped its keys is destroyed', async () => {
    expect(await status(projectId)).toBe('pending')
    const { from } = await rotateMaster(platform, { actor: 'operator:test' })
    expect(await status(projectId)).toBe('pending')
    for (const key of from) await retireKey(platform, key.id, 'operator:test')
    expect(await status(projectId)).toBe('complete')
  })

  test('is found when its history does not say that it was', async () => {
    const owner = connect(bed.tested.database.url, { max: 1, role: null })
    const made = await bed.newProject({ key: keyA })
    await owner`
      insert into shredded_projects (account_id, project_id, at, actor)
      values (${platform.accountId}, ${made.projectId}, now(), 'operator:evil')`
    const { findings } = await platform.verifier.verify('operator:test')
    await owner`delete from shredded_projects where project_id = ${made.projectId}`
    await disconnect(owner)
    expect(findings).toMatchObject([
      { code: 'SHRED_UNRECORDED', message: expect.stringContaining(made.projectId) as string },
    ])
  })
})
