import { afterAll, beforeAll, expect } from 'vitest'
import type { Bed, Project, Side } from './testing/bed.ts'
import { openBed } from './testing/bed.ts'
import { conforms, conformsOnBoth } from './testing/conform.ts'
import { GREETING } from './testing/models.ts'

let bed: Bed
beforeAll(async () => {
  bed = await openBed()
}, 60_000)
afterAll(() => bed?.close())
const theBed = () => bed

const tool = { name: 'weather', description: 'The weather of a city.', parameters: { type: 'object' } }
type Body = Record<string, unknown> & { id: string; status: string; message: string; error?: { code: string } }
async function run(body: unknown, { apiKey }: Pick<Project, 'apiKey'> = bed.sides.double, headers = {}) {
  const response = await bed.call('POST', '/v1/agent', body, { apiKey, headers })
  return { status: response.status, headers: response.headers, body: (await response.json()) as Body }
}
const codeOf = async (body: unknown) => (await run(body)).body.error?.code ?? 'none'
const said = (side: Side) => side.model.asked()?.messages?.at(-1)?.content ?? ''

conformsOnBoth('auth: one bearer key stands for one project', theBed, async (side) => {
  const { body } = await run({ message: 'Hi', stream: false }, side)
  expect(body['meta']).toMatchObject({ project_id: side.projectId })
  for (const authorization of [`Bearer ${side.apiKey}`, `bearer ${side.apiKey}`])
    expect((await run({ message: 'Hi' }, side, { authorization })).status).toBe(200)
})

conforms('auth: a key that was regenerated is refused at once', async () => {
  bed.calm()
  const { projectId, apiKey } = await bed.newProject(bed.sides.double.model)
  expect((await run({ message: 'Hi' }, { apiKey })).status).toBe(200)
  const { apiKey: next } = await bed.client.apiKeys.regenerate.mutate({ projectId })
  expect(await run({ message: 'Hi' }, { apiKey })).toMatchObject({
    status: 401,
    body: { error: { code: 'invalid_api_key' } },
  })
  expect((await run({ message: 'Hi' }, { apiKey: next! })).status).toBe(200)
})

conforms('basics: JSON in and JSON out, and every answer carries x-request-id', async () => {
  bed.calm()
  const asked = [
    bed.call('POST', '/v1/agent', { message: 'Hi', stream: false }),
    bed.call('POST', '/v1/agent', { message: 'Hi', stream: true }),
    bed.call('POST', '/v1/agent', '{"message"'),
    bed.call('POST', '/v1/agent', {}, { apiKey: 'none' }),
    bed.call('GET', '/v1/agent/nobody'),
    bed.call('GET', '/v1/nothing'),
    bed.call('PUT', '/v1/agent', {}),
    bed.call('GET', '/v1/agent/%zz'),
    bed.call('GET', `/v1/agent/${'x'.repeat(6000)}`),
    bed.call('POST', '/v1/chat/completions', { messages: 1 }),
    bed.call('POST', '/v1/agent', 'x'.repeat(11 * 1024 * 1024)),
    bed.call('GET', '/v1/openapi.json'),
    bed.call('GET', '/healthz'),
  ]
  const ids: (string | null)[] = []
  for (const response of await Promise.all(asked)) {
    const where = `${response.status} ${response.url.slice(0, 60)}`
    expect(response.headers.get('content-type'), where).toMatch(
      /^(application\/json|text\/event-stream); charset=utf-8$/,
    )
    const id = response.headers.get('x-request-id')
    expect(id, where).toMatch(/^[0-9a-f-]{36}$/)
    ids.push(id)
    await response.text()
  }
  expect(new Set(ids).size).toBe(ids.length)
})

conforms('basics: optional fields are left out, or null, and unknown ones are let through', async () => {
  bed.calm()
  const nulls = { capabilities: null, files: null, tools: null, stream: null }
  for (const more of [{}, nulls, { temperature: 1, _compute_instance: 'x', metadata: { a: [] } }])
    expect(await run({ message: 'Hi', ...more })).toMatchObject({ status: 200, body: { status: 'completed' } })
})

conformsOnBoth('request: message', theBed, async (side) => {
  await run({ message: 'Wie geht es, Zoë? 👋', stream: false }, side)
  expect(said(side)).toBe('Wie geht es, Zoë? 👋')
  for (const body of [{}, { message: '' }, { message: null }, { message: '  ' }])
    expect(await codeOf(body)).toBe('missing_message')
  for (const message of [1, true, [], {}]) expect(await codeOf({ message })).toBe('invalid_body')
})

conformsOnBoth('request: capabilities', theBed, async (side) => {
  const asked = (capabilities: unknown) => run({ message: 'Hi', capabilities, stream: false }, side)
  expect((await asked(['chat'])).body).toMatchObject({ status: 'completed', capabilities_used: ['chat'] })
  for (const wrong of [['fly'], ['chat', 'fly'], 'chat', [1], { chat: true }, [null]])
    expect(await asked(wrong)).toMatchObject({ status: 400, body: { error: { code: 'invalid_capabilities' } } })
  expect(await asked(['research'])).toMatchObject({ status: 403, body: { error: { code: 'capability_not_enabled' } } })
  await bed.client.projects.changeCapabilities.mutate({ projectId: side.projectId, capabilities: [] })
  expect(await asked(['chat'])).toMatchObject({ status: 403, body: { error: { code: 'capability_not_enabled' } } })
  await bed.client.projects.changeCapabilities.mutate({ projectId: side.projectId, capabilities: ['chat'] })
  expect((await run({ message: 'Hi' }, side)).body).toMatchObject({ capabilities_used: ['chat'] })
})

conformsOnBoth('request: files of plain text, whose names have an extension', theBed, async (side) => {
  const files = [
    { name: 'notes.txt', content: 'Fünf Äpfel' },
    { name: 'Übersicht (1).csv', content: 'a,b\n1,2' },
  ]
  expect(await run({ message: 'Read', files, stream: false }, side)).toMatchObject({ status: 200 })
  for (const { name, content } of files) for (const part of [name, content]) expect(said(side)).toContain(part)
  for (const wrong of [
    'a.txt',
    ['a.txt'],
    [{ name: 'notes', content: '' }],
    [{ name: 5, content: '' }],
    [{ content: 'x' }],
    [{ name: 'a.txt', content: 1 }],
    [{ name: 'a.txt', content: null }],
  ])
    expect(await codeOf({ message: 'Read', files: wrong })).toBe('invalid_body')
})

conformsOnBoth('request: stream together with tools is answered as plain JSON', theBed, async (side) => {
  const answer = await run({ message: 'Hi', tools: [tool], stream: true }, side)
  expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
  expect(answer.body).toMatchObject({ status: 'completed', message: GREETING })
})

conformsOnBoth('request: at most 20 tools, and a run with tools is chat-only', theBed, async (side) => {
  const tools = (count: number) => Array.from({ length: count }, (_, n) => ({ ...tool, name: `tool_${n}` }))
  const { body } = await run({ message: 'Hi', tools: tools(20), stream: false }, side)
  expect(body).toMatchObject({ status: 'completed', capabilities_used: ['chat'], usage: { credits_this_request: 1 } })
  const asked = side.model.asked()!.tools as { function: { name: string } }[]
  expect(asked.map(({ function: { name } }) => name)).toEqual(tools(20).map(({ name }) => name))
  expect(await codeOf({ message: 'Hi', tools: tools(21) })).toBe('invalid_tools')
})

conformsOnBoth('request: a tool is {name, description, parameters}', theBed, async (side) => {
  const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
  const right = [
    { ...tool, name: 'A_z0'.repeat(16) },
    { ...tool, description: 'd'.repeat(1024) },
    { ...tool, parameters },
  ]
  for (const one of right) {
    expect((await run({ message: 'Hi', tools: [one] }, side)).status).toBe(200)
    expect(side.model.asked()!.tools).toMatchObject([{ type: 'function', function: one }])
  }
  const { name, description, ...rest } = tool
  const wrong = [
    'weather',
    null,
    { name, description },
    { name, ...rest },
    { description, ...rest },
    { ...tool, name: '' },
    { ...tool, name: 'a b' },
    { ...tool, name: 'wetter-ä' },
    { ...tool, name: 'a'.repeat(65) },
    { ...tool, description: 'd'.repeat(1025) },
    { ...tool, description: 7 },
    { ...tool, parameters: {} },
    { ...tool, parameters: { type: 'string' } },
    { ...tool, parameters: [] },
    { ...tool, parameters: 'object' },
  ]
  for (const one of wrong) expect([one, await codeOf({ message: 'Hi', tools: [one] })]).toEqual([one, 'invalid_tools'])
})
