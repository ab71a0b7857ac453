import { expect, test } from 'vitest'
import type { Message } from '../provider/answer.ts'
import { conversation, runChat } from './chat.ts'

test('files stand after the message, each under its name', () => {
  const [system, user] = conversation('Read this', [{ name: 'a "b".txt', content: 'text' }])
  expect(system!.role).toBe('system')
  expect(user).toEqual({ role: 'user', content: 'Read this\n\n<file name="a \\"b\\".txt">\ntext\n</file>' })
})

test('a conversation is plain JSON, so that another node can go on with it', () => {
  const messages = conversation('Hi', [])
  expect(JSON.parse(JSON.stringify(messages))).toEqual(messages)
})

test('a chat is one step, with the time that it took', async () => {
  const clock = [100, 350]
  const asked: (readonly Message[])[] = []
  const answered = { content: 'Hello', finishReason: 'stop', tokens: { input: 1, output: 2 } }
  const ports = {
    now: () => clock.shift()!,
    answer: async (messages: readonly Message[]) => {
      asked.push(messages)
      return answered
    },
  }
  const messages = conversation('Hi', [])
  expect(await runChat(ports, messages)).toEqual({ ...answered, step: 1, durationMs: 250 })
  expect(asked).toEqual([messages])
})
