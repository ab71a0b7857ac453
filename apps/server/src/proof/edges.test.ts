import { randomUUID } from 'node:crypto'
import { connect } from '@stewrd/db/connect.ts'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Bed } from '../runs/v1.testing.ts'
import { answered, keyA, openBed } from '../runs/v1.testing.ts'
import { verifyBundle } from './verify.ts'

let bed: Bed
let projectId: string
beforeAll(async () => {
  bed = await openBed()
  projectId = bed.project.projectId
})
afterAll(() => bed?.close())

const get = (path: string, cookie = bed.server.cookie) =>
  fetch(`${bed.server.url}/api/proof/${path}`, { headers: { cookie } })
const verified = (text: string) =>
  verifyBundle(
    (async function* () {
      yield Buffer.from(text)
    })(),
    { key: bed.tested.platform.publicLog.verifierKey },
  )
const signedAll = () =>
  vi.waitFor(async () => {
    const { events, logSize, signed } = await bed.server.client.proof.export.query({ projectId })
    expect([signed, events > 2]).toEqual([logSize, true])
  }, 10_000)

test('who is signed in downloads the bundle; it is sent as a file and kept by no cache', async () => {
  await signedAll()
  const answer = await get(`${projectId}?disclose=configuration`)
  expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store'])
  expect(answer.headers.get('content-disposition')).toBe(`attachment; filename="${projectId}.proof"`)
  const text = await answer.text()
  const facts = await verified(text)
  expect(facts).toMatchObject({ head: { project_id: projectId, disclosed: 'configuration' }, keyGiven: true })
  expect(facts.disclosed).toBe(facts.events)
  expect(text).not.toContain(keyA)
  expect((await verified(await (await get(`${projectId}?from=1&to=3`)).text())).head).toMatchObject({ from: 1, to: 3 })
})

test('nobody else does, and what is asked wrongly is refused in words', async () => {
  const status = async (path: string, cookie?: string) => {
    const answer = await get(path, cookie)
    return [answer.status, ((await answer.json()) as { error: { message: string } }).error.message]
  }
  expect(await status(projectId, '')).toEqual([401, 'Sign in first.'])
  expect(await status(randomUUID())).toEqual([404, expect.stringContaining('There is no project')])
  expect(await status('x')).toEqual([400, 'projectId: must be the id of a project.'])
  for (const query of ['disclose=keys', 'from=-1', 'to=x', 'key=1'])
    expect((await status(`${projectId}?${query}`))[0]).toBe(400)
  await expect(bed.server.client.proof.export.query({ projectId: randomUUID() })).rejects.toMatchObject({
    data: { code: 'NOT_FOUND' },
  })
})

test('a run has its receipt once it is signed, and is said to wait until then', async () => {
  const { id: runId } = await answered(bed.post({ message: 'Hi' }))
  const asked = { projectId, runId }
  const first = await bed.server.client.proof.receipt.query(asked)
  expect(first).toMatchObject({ status: 'waiting', alarm: null })
  const ready = await vi.waitFor(async () => {
    const receipt = await bed.server.client.proof.receipt.query(asked)
    if (receipt.status !== 'ready') throw new Error('it is not signed yet')
    return receipt
  }, 10_000)
  expect(ready.run).toMatchObject({ runId, model: 'gpt-4o', keySource: 'project' })
  expect((await verified(ready.text)).run).toEqual(ready.run)
  const other = await bed.newProject()
  await expect(bed.server.client.proof.receipt.query({ projectId: other.projectId, runId })).rejects.toMatchObject({
    data: { refusal: { code: 'NOT_FOUND' } },
  })
})

test('each event is proved when it is looked at, and one that was edited is not', async () => {
  await signedAll()
  const { entries } = await bed.server.client.history.list.query({ projectId, types: ['ProviderSet'] })
  const { index, stream, seq } = entries[0]!
  const proof = await bed.server.client.proof.event.query({ index })
  expect(proof).toMatchObject({ status: 'signed', place: index })
  expect(proof.status === 'signed' && proof.checkpoint.size).toBeGreaterThan(index)
  const owner = connect(bed.tested.database.url, { role: null, max: 1 })
  await owner`update events set actor = 'user:mallory' where stream = ${stream} and seq = ${seq}`
  await owner.end()
  expect(await bed.server.client.proof.event.query({ index })).toMatchObject({
    status: 'wrong',
    message: expect.stringContaining(`event ${seq} of ${stream} (ProviderSet`),
  })
  await expect(bed.server.client.proof.event.query({ index: 999_999 })).rejects.toMatchObject({
    data: { code: 'NOT_FOUND' },
  })
})
