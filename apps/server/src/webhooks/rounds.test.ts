import { afterAll, beforeAll, expect, test } from 'vitest'
import type { WebhookBed } from './testing/bed.ts'
import { openWebhookBed } from './testing/bed.ts'

let bed: WebhookBed
beforeAll(async () => {
  bed = await openWebhookBed()
})
afterAll(() => bed?.close())

test('a run with custom tools is told once, after all rounds, with the session that it belongs to', async () => {
  const { projectId, apiKey } = await bed.newProject()
  const post = async (path: string, body: object) => {
    const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' }
    const response = await fetch(`${bed.server.url}/v1${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    return (await response.json()) as { id: string; status: string; message: string }
  }
  bed.upstream.reply(({ messages = [] }) =>
    messages.filter(({ role }) => role === 'tool').length < 2
      ? { toolCalls: [{ id: `call-${messages.length}`, name: 'weather', arguments: '{"city":"Oslo"}' }] }
      : { content: 'It is sunny.' },
  )
  const tools = [{ name: 'weather', description: 'The weather', parameters: { type: 'object' } }]
  const session = await post('/sessions', {})
  let answer = await post(`/sessions/${session.id}/messages`, { message: 'How is it?', tools, stream: false })
  for (let round = 0; round < 2; round++) {
    expect(answer.status).toBe('requires_tool_outputs')
    const [call] = (answer as unknown as { tool_calls: { id: string }[] }).tool_calls
    const outputs = [{ tool_call_id: call!.id, output: 'sun' }]
    answer = await post(`/agent/${answer.id}/tool-outputs`, { tool_outputs: outputs })
  }
  expect(answer).toMatchObject({ status: 'completed', message: 'It is sunny.' })
  bed.upstream.reply(undefined)
  expect(await bed.ended(projectId)).toMatchObject({ status: 'delivered', event: 'agent.completed' })
  const [told, ...more] = bed.to(projectId)
  expect(more).toEqual([])
  expect(told!.body).toMatchObject({
    id: answer.id,
    object: 'session.message',
    session_id: session.id,
    message: 'It is sunny.',
    files: [],
  })
})
