import { randomUUID } from 'node:crypto'
import type { ContractCode } from '@stewrd/core/runs/wire.ts'
import { contractErrors } from '@stewrd/core/runs/wire.ts'
import { afterAll, beforeAll, expect } from 'vitest'
import type { Bed, Side } from './testing/bed.ts'
import { stewrd } from '../../testing/server-process.ts'
import { openBed } from './testing/bed.ts'
import { conforms, conformsOnBoth } from './testing/conform.ts'
import type { CommonFault } from './testing/models.ts'

let bed: Bed
beforeAll(async () => {
  bed = await openBed()
}, 60_000)
afterAll(() => bed?.close())
const theBed = () => bed

type ErrorBody = { error: { code: string; message: string; docs: string } }
const agent = (body: unknown, apiKey = bed.sides.double.apiKey, headers = {}) =>
  bed.call('POST', '/v1/agent', body, { apiKey, headers })

/** Its status is the contract's, its shape too, and `docs` names a section of a page that this server has. */
async function expectError(asked: Promise<Response>, code: ContractCode, says = ''): Promise<Response> {
  const response = await asked
  const body = (await response.json()) as ErrorBody
  expect([response.status, body]).toEqual([
    contractErrors[code],
    {
      error: {
        code,
        message: expect.stringContaining(says) as string,
        docs: `${bed.server.url}/docs/errors#${code}`,
      },
    },
  ])
  expect(body.error.message.length).toBeGreaterThan(10)
  expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  return response
}

conforms('error: {code, message, docs}, where docs is a page of this server', async () => {
  const response = await agent({}, 'nothing')
  const { error } = (await response.json()) as ErrorBody
  expect(Object.keys(error).toSorted()).toEqual(['code', 'docs', 'message'])
  const page = await fetch(error.docs)
  expect(page.status).toBe(200)
  const html = await page.text()
  for (const code of Object.keys(contractErrors)) expect(html).toContain(`<section id="${code}">`)
})

conforms('error: invalid_api_key', async () => {
  const { apiKey } = bed.sides.double
  const mistyped = apiKey.slice(0, -1) + (apiKey.endsWith('a') ? 'b' : 'a')
  const without = (path: string, method = 'GET') => fetch(bed.server.url + path, { method })
  for (const authorization of [
    '',
    'Bearer',
    'Bearer ',
    `Basic ${apiKey}`,
    apiKey,
    `Bearer ${mistyped}`,
    'Bearer sk-stw_',
  ])
    await expectError(agent({ message: 'Hi' }, '', { authorization }), 'invalid_api_key')
  const id = randomUUID()
  const gets = [`/v1/agent/${id}`, `/v1/agent/${id}/stream`, `/v1/sessions/${id}`, '/v1/models', '/v1/usage']
  for (const path of gets) await expectError(without(path), 'invalid_api_key')
  for (const path of ['/v1/agent', '/v1/sessions', `/v1/agent/${id}/tool-outputs`, `/v1/sessions/${id}/messages`])
    await expectError(without(path, 'POST'), 'invalid_api_key')
})

conforms('error: invalid_body', async () => {
  const named: [unknown, string][] = [
    [{ message: 5 }, 'message'],
    [{ message: 'x', stream: 'yes' }, 'stream'],
    [{ message: 'x', files: {} }, 'files'],
    [{ message: 'x', files: [{ name: 'a.txt', content: 1 }] }, 'files.0.content'],
  ]
  for (const [body, field] of named) await expectError(agent(body), 'invalid_body', `"${field}"`)
  for (const body of ['{"message"', '[]', '"text"', 'null', '', '{"message":"x","__proto__":{"a":1}}'])
    await expectError(agent(body), 'invalid_body')
  await expectError(agent('message=x', undefined, { 'content-type': 'text/plain' }), 'invalid_body', 'application/json')
})

conforms('error: missing_message', async () => {
  for (const body of [{}, { message: '' }, { stream: false }]) await expectError(agent(body), 'missing_message')
})

conforms('error: invalid_capabilities', async () => {
  await expectError(agent({ message: 'x', capabilities: ['fly'] }), 'invalid_capabilities', 'capabilities')
})

conforms('error: invalid_tools', async () => {
  await expectError(agent({ message: 'x', tools: [{ name: 'a' }] }), 'invalid_tools', 'tools.0.description')
})

const weather = { name: 'weather', description: 'The weather.', parameters: { type: 'object' } }
async function waiting(side: Side): Promise<string> {
  side.model.reply(() => ({ toolCalls: [{ id: 'c1', name: 'weather', arguments: '{}' }] }))
  const response = await agent({ message: 'x', tools: [weather] }, side.apiKey)
  return ((await response.json()) as { id: string }).id
}
const outputs = (id: string, list: unknown) => bed.call('POST', `/v1/agent/${id}/tool-outputs`, { tool_outputs: list })

conforms('error: invalid_tool_outputs', async () => {
  const id = await waiting(bed.sides.double)
  await expectError(outputs(id, [{ tool_call_id: 'c2', output: 'x' }]), 'invalid_tool_outputs')
})

conforms('error: tool_output_too_large', async () => {
  const id = await waiting(bed.sides.double)
  const output = 'x'.repeat(100 * 1024 + 1)
  await expectError(outputs(id, [{ tool_call_id: 'c1', output }]), 'tool_output_too_large', '100 KB')
})

conforms('error: context_expired', async () => {
  await expectError(outputs(randomUUID(), [{ tool_call_id: 'c1', output: 'x' }]), 'context_expired')
  const id = await waiting(bed.sides.double)
  const other = await bed.newProject(null)
  await expectError(bed.call('GET', `/v1/agent/${id}`, undefined, other), 'context_expired')
})

conforms('error: not_found', async () => {
  for (const path of ['/v1/responses', '/v1/chat/completion', '/v1', '/v1/'])
    await expectError(bed.call('POST', path, { model: 'x' }), 'not_found', 'POST /v1/chat/completions')
  await expectError(bed.call('GET', '/v1/chat/completions'), 'not_found', 'POST /v1/chat/completions')
})

conforms('error: capability_not_enabled', async () => {
  await expectError(agent({ message: 'x', capabilities: ['browser'] }), 'capability_not_enabled', 'browser')
})

conforms('error: plan_restricted', async () => {
  const { projectId, apiKey } = await bed.newProject(bed.sides.double.model)
  const plan = ['project', 'plan', projectId, 'free', '--capabilities', 'chat']
  expect(await stewrd(bed.home, plan, { variables: bed.variables })).toMatchObject({ code: 0 })
  await expectError(agent({ message: 'x', capabilities: ['files'] }, apiKey), 'plan_restricted', 'the plan free')
})

conforms('error: idempotency_conflict', async () => {
  bed.calm()
  const headers = { 'idempotency-key': randomUUID() }
  const [one, two] = [
    await agent({ message: 'once' }, undefined, headers),
    await agent({ message: 'once' }, undefined, headers),
  ]
  expect(await one.text()).toBe(await two.text())
  await expectError(agent({ message: 'twice' }, undefined, headers), 'idempotency_conflict')
})

conforms('error: session_not_found', async () => {
  const say = (id: string, apiKey?: string) =>
    bed.call('POST', `/v1/sessions/${id}/messages`, { message: 'Hi' }, apiKey === undefined ? {} : { apiKey })
  const session = (await (await bed.call('POST', '/v1/sessions')).json()) as { id: string }
  const other = await bed.newProject(null)
  for (const asked of [say(randomUUID()), say('nonsense'), say(session.id, other.apiKey)])
    await expectError(asked, 'session_not_found')
})

/** Without saying how much it is. */
const streamed = (megabytes: number) => {
  const piece = new Uint8Array(1024 * 1024).fill(120)
  let sent = 0
  return new ReadableStream({
    pull: (controller) => (sent++ < megabytes ? controller.enqueue(piece) : controller.close()),
  })
}

conforms('error: payload_too_large', async () => {
  for (const megabytes of [10, 12, 40])
    await expectError(agent({ message: 'x'.repeat(megabytes * 1024 * 1024) }), 'payload_too_large', '10 MB')
  const headers = { authorization: `Bearer ${bed.sides.double.apiKey}`, 'content-type': 'application/json' }
  const body = { body: streamed(20), duplex: 'half' as const }
  await expectError(fetch(`${bed.server.url}/v1/agent`, { method: 'POST', headers, ...body }), 'payload_too_large')
  bed.calm()
  expect((await agent({ message: 'x'.repeat(9 * 1024 * 1024), stream: false })).status).toBe(200)
})

type Outcome = [CommonFault, ContractCode]
function failsWith(side: Side, outcomes: readonly Outcome[]) {
  return outcomes.reduce(async (before, [fault, code]) => {
    await before
    side.model.fail(fault)
    const response = await expectError(agent({ message: 'x', stream: false }, side.apiKey), code)
    expect(JSON.stringify([...response.headers])).not.toContain(bed.key)
    await expectError(agent({ message: 'x', stream: true }, side.apiKey), code)
  }, Promise.resolve())
}

conformsOnBoth('error: provider_key_rejected', theBed, (side) =>
  failsWith(side, [['unauthorized', 'provider_key_rejected']]),
)
conformsOnBoth('error: provider_quota_exceeded', theBed, (side) =>
  failsWith(side, [
    ['payment', 'provider_quota_exceeded'],
    ['quota', 'provider_quota_exceeded'],
  ]),
)
conformsOnBoth('error: model_not_found', theBed, (side) => failsWith(side, [['not-found', 'model_not_found']]))
conformsOnBoth(
  'error: compute_error',
  theBed,
  (side) =>
    failsWith(side, [
      ['server-error', 'compute_error'],
      ['rate', 'compute_error'],
      ['garbage', 'compute_error'],
    ]),
  60_000,
)
conforms('error: compute_error, from an answer that breaks off', async () => {
  bed.double.upstream.fail('truncate')
  await expectError(agent({ message: 'x', stream: false }), 'compute_error')
})
conformsOnBoth('error: compute_unavailable', theBed, (side) => failsWith(side, [['reset', 'compute_unavailable']]))

conforms('error: service_unavailable: no key and no default model', async () => {
  const { projectId, apiKey } = await bed.newProject(null)
  await expectError(agent({ message: 'x' }, apiKey), 'service_unavailable', 'STEWRD_DEFAULT_MODEL')
  const { baseUrl, key } = bed.sides.double.model
  bed.calm()
  await bed.client.llm.set.mutate({ projectId, provider: 'custom', baseUrl, model: 'gpt-4o', key })
  expect((await agent({ message: 'x' }, apiKey)).status).toBe(200)
})
