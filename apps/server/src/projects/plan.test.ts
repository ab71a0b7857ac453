import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Bed } from '../runs/v1.testing.ts'
import { answered, openBed } from '../runs/v1.testing.ts'
import { stewrd } from '../testing/server-process.ts'

let bed: Bed
beforeAll(async () => {
  bed = await openBed()
})
afterAll(() => bed?.close())

const cli = (...args: string[]) => {
  const { home, databaseUrl } = bed.tested.env
  return stewrd(home, ['--json', 'project', 'plan', bed.project.projectId, ...args], {
    variables: { DATABASE_URL: databaseUrl! },
  })
}
const refused = async (body: object) => {
  const response = await bed.post({ message: 'Hi', ...body })
  const { error } = (await response.json()) as { error: { code: string; message: string } }
  return [response.status, error.code, error.message]
}
const change = (capabilities: ('chat' | 'data' | 'files')[]) =>
  bed.server.client.projects.changeCapabilities.mutate({ projectId: bed.project.projectId, capabilities })

test('a plan that the operator sets is the end of what a project may use, from the next run on', async () => {
  const { client } = bed.server
  const { projectId } = bed.project
  await change(['chat', 'files'])
  expect((await answered(bed.post({ message: 'Hi' }))).meta).toMatchObject({ plan: 'self-hosted' })

  expect((await cli('free', '--capabilities', 'data, chat')).json()).toMatchObject({
    plan: 'free',
    capabilities: ['chat', 'data'],
  })
  expect(await answered(bed.post({ message: 'Hi' }))).toMatchObject({
    capabilities_used: ['chat'],
    meta: { plan: 'free' },
  })
  const said = 'The capability files is not in the plan free of this project.'
  expect(await refused({ capabilities: ['chat', 'files'] })).toEqual([403, 'plan_restricted', said])
  const off = 'The capability data is not enabled for this project.'
  expect(await refused({ capabilities: ['data'] })).toEqual([403, 'capability_not_enabled', off])

  // What was on before the plan can be switched off, and not on again.
  await change(['chat'])
  await expect(change(['chat', 'files'])).rejects.toMatchObject({
    data: { refusal: { code: 'PLAN_RESTRICTED', details: { plan: 'free', capability: 'files' } } },
  })
  await change(['chat', 'data'])
  const { plan, offered } = await client.projects.capabilities.query({ projectId })
  expect(plan).toBe('free')
  expect(offered.filter(({ inPlan }) => inPlan).map(({ capability }) => capability)).toEqual(['chat', 'data'])
  await vi.waitFor(async () => {
    const { entries } = await client.history.list.query({ projectId, nouns: ['projects'] })
    expect(entries.map(({ text }) => text)).toContain('changed the plan from none to free (chat, data)')
  }, 10_000)

  expect((await cli('--none')).json()).toMatchObject({ plan: 'self-hosted', capabilities: null })
  await change(['chat', 'files'])
  expect(await answered(bed.post({ message: 'Hi', capabilities: ['chat'] }))).toMatchObject({
    meta: { plan: 'self-hosted' },
  })
})

test('a door that needs chat is closed by a plan without it', async () => {
  await cli('papers', '--capabilities', 'files')
  const response = await fetch(`${bed.server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${bed.project.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'Hi' }] }),
  })
  expect(response.status).toBe(403)
  await cli('--none')
})

test.each([
  [['free'], 'A plan has a name and capabilities'],
  [['--capabilities', 'chat'], 'A plan has a name and capabilities'],
  [['free', '--capabilities', 'chat,flying'], 'capabilities'],
  [['free', '--capabilities', ''], 'capabilities'],
])('%j is refused, and says why', async (args, why) => {
  const { code, stderr } = await cli(...args)
  expect(code).not.toBe(0)
  expect(stderr).toContain(why)
  expect((await cli()).json()).toMatchObject({ plan: 'self-hosted' })
})
