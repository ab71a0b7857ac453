import { randomUUID } from 'node:crypto'
import { noLimits } from '@stewrd/core/projects/limits.ts'
import { apiKeyLooksValid } from '@stewrd/crypto/api-key.ts'
import { Secret } from '@stewrd/crypto/secret.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TestPlatform } from '../testing/platform.ts'
import { testPlatform } from '../testing/platform.ts'
import type { TestServer } from '../testing/server.ts'
import { listen } from '../testing/server.ts'

let tested: TestPlatform
let server: TestServer
beforeAll(async () => {
  tested = await testPlatform()
  server = await listen(tested.platform)
})
afterAll(async () => {
  await server?.close()
  await tested?.close()
})

const create = (name: string) => server.client.projects.create.mutate({ name })
const refusal = (code: string, details: object = {}) => ({
  data: { refusal: { code, details: expect.objectContaining(details) } },
})

test('a new project is in the list at once, with its key shown this once', async () => {
  const made = await create('Alpha')
  expect(apiKeyLooksValid(made.apiKey!)).toBe(true)
  const listed = (await server.client.projects.list.query()).find((p) => p.projectId === made.projectId)
  expect(listed).toMatchObject({ name: 'Alpha', status: 'active', capabilities: ['chat'], lastRun: null })
  expect(listed?.llm.status).toBe('none')
  expect(JSON.stringify(await server.client.projects.list.query())).not.toContain(made.apiKey)
})

test('a request that is sent twice makes one project', async () => {
  const commandId = randomUUID()
  const first = await server.client.projects.create.mutate({ name: 'Twice', commandId })
  const second = await server.client.projects.create.mutate({ name: 'Twice', commandId })
  expect(second).toEqual({ ...first, apiKey: null })
  await expect(server.client.projects.create.mutate({ name: 'Other', commandId })).rejects.toMatchObject(
    refusal('COMMAND_REUSED', { commandId }),
  )
})

test('a request that is sent twice at the same moment makes one project with one key', async () => {
  const commandId = randomUUID()
  const made = await Promise.all(
    Array.from({ length: 5 }, () => server.client.projects.create.mutate({ name: 'At once', commandId })),
  )
  expect(new Set(made.map((m) => m.projectId)).size).toBe(1)
  expect(made.filter((m) => m.apiKey !== null)).toHaveLength(1)
  expect((await server.client.projects.list.query()).filter((p) => p.name === 'At once')).toHaveLength(1)
})

test('renaming, capabilities and archiving are changes with revisions', async () => {
  const { projectId } = await create('Beta')
  const { projects } = server.client
  expect(await projects.rename.mutate({ projectId, name: 'Gamma', expectedRevision: 1 })).toMatchObject({
    revision: 2,
    changed: true,
    name: 'Gamma',
  })
  expect(await projects.changeCapabilities.mutate({ projectId, capabilities: ['chat', 'files'] })).toMatchObject({
    revision: 3,
    capabilities: ['chat', 'files'],
  })
  expect(await projects.rename.mutate({ projectId, name: 'Gamma' })).toMatchObject({ revision: 3, changed: false })
  expect(await projects.archive.mutate({ projectId })).toMatchObject({ revision: 4, status: 'archived' })
  expect(await projects.get.query({ projectId })).toMatchObject({ status: 'archived', name: 'Gamma', revision: 4 })
})

test('a stale edit is refused with the revision that it met', async () => {
  const { projectId } = await create('Delta')
  await server.client.projects.rename.mutate({ projectId, name: 'Delta 2', expectedRevision: 1 })
  const stale = server.client.projects.rename.mutate({ projectId, name: 'Delta 3', expectedRevision: 1 })
  await expect(stale).rejects.toMatchObject(refusal('REVISION_MOVED', { expected: 1, actual: 2 }))
  await expect(stale).rejects.toMatchObject({ data: { httpStatus: 409 } })
})

test('an edit is not stale for changes of something else', async () => {
  const { projectId } = await create('Delta')
  const { projects } = server.client
  const seen = { projectId, expectedRevision: 1 }
  await projects.rename.mutate({ ...seen, name: 'Delta 2' })
  await projects.changeCapabilities.mutate({ ...seen, capabilities: ['chat', 'files'] })
  await projects.changeLimits.mutate({ ...seen, limits: { ...noLimits, runsPerMinute: 9 } })
  await projects.switchDefaultModel.mutate({ ...seen, allowed: true })
  const stale = projects.changeLimits.mutate({ ...seen, limits: { ...noLimits, runsPerMinute: 8 } })
  await expect(stale).rejects.toMatchObject(refusal('REVISION_MOVED', { expected: 1, actual: 5 }))
  expect(await projects.archive.mutate(seen)).toMatchObject({ revision: 6, status: 'archived' })
})

test('an archived project cannot be changed', async () => {
  const { projectId } = await create('Epsilon')
  const { projects, llm, apiKeys } = server.client
  await projects.archive.mutate({ projectId })
  const archived = refusal('PROJECT_ARCHIVED', { projectId })
  await expect(projects.rename.mutate({ projectId, name: 'x' })).rejects.toMatchObject(archived)
  await expect(llm.changeModel.mutate({ projectId, model: 'x' })).rejects.toMatchObject(archived)
  await expect(apiKeys.regenerate.mutate({ projectId })).rejects.toMatchObject(archived)
})

test('an unknown project is said to be unknown, by every procedure that takes one', async () => {
  const projectId = randomUUID()
  const { projects, llm, apiKeys, runs, history, audit } = server.client
  const calls = [
    () => projects.get.query({ projectId }),
    () => projects.rename.mutate({ projectId, name: 'x' }),
    () => llm.current.query({ projectId }),
    () => llm.remove.mutate({ projectId }),
    () => apiKeys.current.query({ projectId }),
    () => apiKeys.revoke.mutate({ projectId }),
    () => runs.list.query({ projectId }),
    () => history.list.query({ projectId }),
    () => audit.configAt.query({ projectId, at: { revision: 0 } }),
  ]
  for (const call of calls)
    await expect(call()).rejects.toMatchObject(refusal('NOT_FOUND', { what: 'project', id: projectId }))
})

test('regenerating gives another key and stops the one before; revoking leaves none', async () => {
  const { projectId, apiKey } = await create('Zeta')
  const { apiKeys } = server.client
  const before = await apiKeys.current.query({ projectId })
  expect(before).toMatchObject({ status: 'active', issuedBy: { label: 'Ada' }, revision: 1 })
  const commandId = randomUUID()
  const next = await apiKeys.regenerate.mutate({ projectId, commandId })
  expect(apiKeyLooksValid(next.apiKey!)).toBe(true)
  expect(next.apiKey).not.toBe(apiKey)
  expect(await apiKeys.regenerate.mutate({ projectId, commandId })).toMatchObject({ apiKey: null, revision: 2 })
  const { secrets, store } = tested.platform
  const known = (key: string) => store.lookup(secrets.apiKeyHash(new Secret(key)))
  expect(await known(next.apiKey!)).toMatchObject({ projectId })
  expect(await known(apiKey!)).toBeUndefined()
  await apiKeys.revoke.mutate({ projectId })
  expect(await known(next.apiKey!)).toBeUndefined()
  expect(await apiKeys.current.query({ projectId })).toMatchObject({ status: 'revoked', keyId: null })
  await expect(apiKeys.revoke.mutate({ projectId })).rejects.toMatchObject(refusal('API_KEY_MISSING'))
})

test('keys that are regenerated at the same moment leave exactly one that works', async () => {
  const { projectId } = await create('Eta')
  const made = await Promise.all(
    Array.from({ length: 4 }, () => server.client.apiKeys.regenerate.mutate({ projectId })),
  )
  const { secrets, store } = tested.platform
  const working = await Promise.all(made.map(({ apiKey }) => store.lookup(secrets.apiKeyHash(new Secret(apiKey!)))))
  expect(working.filter(Boolean)).toHaveLength(1)
})
