import { createOpenAI } from '@ai-sdk/openai'
import type { AIMessageChunk } from '@langchain/core/messages'
import { HumanMessage } from '@langchain/core/messages'
import { tool as langChainTool } from '@langchain/core/tools'
import { ChatOpenAI } from '@langchain/openai'
import type { RawReply } from '@stewrd/runtime/testing/upstream.ts'
import { generateText, Output, stepCountIs, streamText, tool } from 'ai'
import OpenAI from 'openai'
import { zodResponseFormat } from 'openai/helpers/zod'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Bed } from '../runs/v1.testing.ts'
import { openBed } from '../runs/v1.testing.ts'

// A file of its own: these clients take longer to load than all other tests here.
let bed: Bed
let clients: Record<'openai' | 'AI SDK' | 'LangChain', Client>
beforeAll(async () => {
  bed = await openBed()
  const to = { baseURL: `${bed.server.url}/v1`, apiKey: bed.project.apiKey }
  clients = { openai: openAi(to), 'AI SDK': aiSdk(to), LangChain: langChain(to) }
})
afterAll(() => bed?.close())
afterEach(() => {
  bed.upstream.raw(undefined)
  bed.upstream.reply(undefined)
  bed.upstream.release()
})

type To = { baseURL: string; apiKey: string }
/** What every client can do, with its own defaults. `city`: what its tool was called with. */
type Client = {
  text(message: string, signal?: AbortSignal): Promise<string>
  streamed(message: string): Promise<string[]>
  withTool(message: string): Promise<{ text: string; city: string | undefined }>
  structured(message: string): Promise<unknown>
}
const City = z.object({ city: z.string() })
const weather = { name: 'weather', description: 'The weather of a city.' }

function openAi(to: To): Client {
  const { completions } = new OpenAI(to).chat
  const model = 'default'
  const messagesOf = (content: string) => [{ role: 'user' as const, content }]
  return {
    async text(message, signal) {
      const { choices } = await completions.create({ model, messages: messagesOf(message) }, { signal })
      return choices[0]!.message.content!
    },
    async streamed(message) {
      const parts: string[] = []
      for await (const { choices } of await completions.create({ model, messages: messagesOf(message), stream: true }))
        if (choices[0]?.delta.content) parts.push(choices[0].delta.content)
      return parts
    },
    async withTool(message) {
      let asked: string | undefined
      const parameters = { type: 'object', properties: { city: { type: 'string' } } }
      const parse = (text: string) => City.parse(JSON.parse(text))
      const run = ({ city }: z.infer<typeof City>) => `sunny in ${(asked = city)}`
      const tools = [{ type: 'function' as const, function: { ...weather, parameters, parse, function: run } }]
      const text = await completions.runTools({ model, messages: messagesOf(message), tools }).finalContent()
      return { text: text!, city: asked }
    },
    async structured(message) {
      const response_format = zodResponseFormat(City, 'city')
      const { choices } = await completions.parse({ model, messages: messagesOf(message), response_format })
      return choices[0]!.message.parsed
    },
  }
}

function aiSdk(to: To): Client {
  const model = createOpenAI(to).chat('default')
  return {
    text: async (prompt, abortSignal) =>
      (await generateText({ model, prompt, ...(abortSignal && { abortSignal }) })).text,
    async streamed(prompt) {
      const parts: string[] = []
      for await (const part of streamText({ model, prompt }).textStream) parts.push(part)
      return parts
    },
    async withTool(prompt) {
      let asked: string | undefined
      const execute = async ({ city }: z.infer<typeof City>) => `sunny in ${(asked = city)}`
      const tools = { weather: tool({ description: weather.description, inputSchema: City, execute }) }
      const { text } = await generateText({ model, prompt, tools, stopWhen: stepCountIs(3) })
      return { text, city: asked }
    },
    structured: async (prompt) =>
      (await generateText({ model, prompt, output: Output.object({ schema: City }) })).output,
  }
}

function langChain({ baseURL, apiKey }: To): Client {
  const model = new ChatOpenAI({ model: 'default', apiKey, configuration: { baseURL } })
  return {
    text: async (message, signal) => (await model.invoke(message, signal ? { signal } : {})).text,
    async streamed(message) {
      const parts: string[] = []
      for await (const part of await model.stream(message)) if (part.text) parts.push(part.text)
      return parts
    },
    async withTool(message) {
      let asked: string | undefined
      const own = langChainTool(async ({ city }) => `sunny in ${(asked = city)}`, { ...weather, schema: City })
      const bound = model.bindTools([own])
      const question = new HumanMessage(message)
      let first: AIMessageChunk | undefined
      for await (const part of await bound.stream([question])) first = first ? first.concat(part) : part
      const result: unknown = await own.invoke(first!.tool_calls![0]!)
      return { text: (await bound.invoke([question, first!, result as HumanMessage])).text, city: asked }
    },
    structured: async (message) => await model.withStructuredOutput(City, { method: 'jsonSchema' }).invoke(message),
  }
}

const completions = () => bed.upstream.seen.filter(({ path }) => path.endsWith('/completions')).length
const refused = (status: number, headers: Record<string, string> = {}): RawReply => ({
  status,
  headers,
  chunks: [JSON.stringify({ error: { message: 'The provider’s reason.' } })],
})

describe.each(['openai', 'AI SDK', 'LangChain'] as const)('%s', (name) => {
  test('gets text, whole and streamed', async () => {
    bed.upstream.reply(() => ({ content: 'Hello from the model.' }))
    expect(await clients[name].text('Hi')).toBe('Hello from the model.')
    const parts = await clients[name].streamed('Hi')
    expect(parts.join('')).toBe('Hello from the model.')
    expect(parts.length).toBeGreaterThan(1)
  })

  test('calls tools and gives their results back', async () => {
    bed.upstream.reply(({ messages = [] }) =>
      messages.at(-1)!.role === 'tool'
        ? { content: `It is ${messages.at(-1)!.content}.` }
        : { toolCalls: [{ id: 'c1', name: 'weather', arguments: '{"city":"Bern"}' }] },
    )
    expect(await clients[name].withTool('The weather?')).toEqual({ text: 'It is sunny in Bern.', city: 'Bern' })
  })

  test('gets structured output', async () => {
    bed.upstream.reply(() => ({ content: '{"city":"Bern"}' }))
    expect(await clients[name].structured('Where?')).toEqual({ city: 'Bern' })
  })

  test('stops the call of the provider when it goes away', async () => {
    const before = completions()
    bed.upstream.hold()
    const gone = new AbortController()
    const asked = clients[name].text('Slow', gone.signal).catch((error: unknown) => error)
    await expect.poll(completions, { timeout: 20_000 }).toBe(before + 1)
    gone.abort()
    expect(await asked).toBeInstanceOf(Error)
  })

  test('is told the reason of a failure, after one call', async () => {
    const before = completions()
    bed.upstream.raw(() => refused(400))
    await expect(clients[name].text('Wrong')).rejects.toThrow('The provider’s reason.')
    expect(completions() - before).toBe(1)
  })

  test('costs three calls of a provider that limits the rate', async () => {
    const before = completions()
    bed.upstream.raw(() => refused(429, { 'retry-after': '1' }))
    await expect(clients[name].text('Again')).rejects.toThrow('The provider’s reason.')
    expect(completions() - before).toBe(3)
  }, 60_000)
})
