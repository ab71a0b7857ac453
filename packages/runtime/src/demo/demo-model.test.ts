import OpenAI from 'openai'
import { expect, test } from 'vitest'
import { DEMO_BASE_URL, DEMO_MODEL, demoFetch } from './demo-model.ts'

const client = new OpenAI({ baseURL: DEMO_BASE_URL, apiKey: 'none', fetch: demoFetch, maxRetries: 0 })
const messages = [{ role: 'user' as const, content: 'What is this?' }]
const tools = [
  { type: 'function' as const, function: { name: 'weather', parameters: { type: 'object', properties: {} } } },
]

test('the demo model lists itself', async () => {
  expect((await client.models.list()).data.map((m) => m.id)).toEqual([DEMO_MODEL])
})

test('it says in every answer that it is a demo, and gives the same answer to the same question', async () => {
  const ask = () => client.chat.completions.create({ model: DEMO_MODEL, messages })
  const first = await ask()
  expect(first.choices[0]!.message.content).toMatch(/Stewrd demo model.*What is this\?.*Set a provider key/)
  expect(first.usage!.total_tokens).toBeGreaterThan(0)
  expect(await ask()).toEqual(first)
})

test('it streams what it would answer, with usage', async () => {
  const whole = await client.chat.completions.create({ model: DEMO_MODEL, messages })
  let text = ''
  let usage: OpenAI.CompletionUsage | null | undefined
  const stream = await client.chat.completions.create({ model: DEMO_MODEL, messages, stream: true })
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? ''
    usage = chunk.usage ?? usage
  }
  expect(text).toBe(whole.choices[0]!.message.content)
  expect(usage).toEqual(whole.usage)
})

test('it calls the first tool, and then answers with what the tool said', async () => {
  const asked = await client.chat.completions.create({ model: DEMO_MODEL, messages, tools })
  const call = asked.choices[0]!.message.tool_calls![0]!
  expect(asked.choices[0]!.finish_reason).toBe('tool_calls')
  expect(call).toMatchObject({ function: { name: 'weather' } })
  const answered = await client.chat.completions.create({
    model: DEMO_MODEL,
    tools,
    messages: [...messages, asked.choices[0]!.message, { role: 'tool', tool_call_id: call.id, content: 'sunny' }],
  })
  expect(answered.choices[0]!.message.content).toContain('sunny')
})
