import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ProviderError } from '../errors.ts'
import { chunk, counters, key, readAsClient, stream, usage } from './completion.testing.ts'

// 10,000 and more by hand: STREAM_RUNS=10000.
const numRuns = Number(process.env['STREAM_RUNS'] ?? 150)

/** A stream of a model, and what it says. */
type Model = {
  text: string[]
  calls: { name: string; args: string }[]
  counted: boolean
  lines: string[]
  comments: boolean[]
}

const words = fc.string({
  unit: fc.constantFrom('a', 'ü', '你', '🌍', '\\', '"', '\n', ' ', '\u2028', '\u0000'),
  maxLength: 12,
})
const model: fc.Arbitrary<Model> = fc.record({
  text: fc.array(words, { maxLength: 6 }),
  calls: fc.array(
    fc.record({ name: fc.constantFrom('lookup', 'now'), args: fc.json({ maxDepth: 1 }).map((q) => `{"q":${q}}`) }),
    { maxLength: 3 },
  ),
  counted: fc.boolean(),
  lines: fc.array(fc.constantFrom('\n', '\r\n', '\r'), { minLength: 1, maxLength: 4 }),
  comments: fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
})

function chunksOf({ text, calls, counted }: Model): object[] {
  const called = calls.flatMap(({ name, args }, index) => [
    chunk({
      tool_calls: [{ index, id: `c${index}`, type: 'function', function: { name, arguments: args.slice(0, 3) } }],
    }),
    chunk({ tool_calls: [{ index, function: { arguments: args.slice(3) } }] }),
  ])
  const last = counted ? [counters] : []
  return [
    ...text.map((content) => chunk({ content })),
    ...called,
    chunk({}, calls.length > 0 ? 'tool_calls' : 'stop'),
    ...last,
  ]
}

/** The bytes of a stream, each line with an end of its own. */
function bytesOf(said: Model): Buffer {
  let line = 0
  const end = () => said.lines[line++ % said.lines.length]!
  const frames = [...chunksOf(said).map((value) => JSON.stringify(value)), '[DONE]'].map((data, i) => {
    const comment = said.comments[i % said.comments.length] ? `: ping${end()}${end()}` : ''
    return `${comment}data: ${data}${end()}${end()}`
  })
  return Buffer.from(frames.join(''))
}

/** A line end of CR must not be followed by one of LF: together they would be one. */
const separable = ({ lines }: Model) => !lines.includes('\r') || lines.every((end) => end === '\r')

const pieces = (bytes: Buffer, cuts: readonly number[]): Buffer[] => {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return places.slice(1).map((to, i) => bytes.subarray(places[i], to))
}

test('any stream, cut at any bytes, with any line ends, says the same to client and record', async () => {
  await fc.assert(
    fc.asyncProperty(model.filter(separable), fc.array(fc.nat(), { maxLength: 40 }), async (said, cuts) => {
      const heard = await stream(pieces(bytesOf(said), cuts))
      const { text, calls } = {
        text: said.text.join(''),
        calls: said.calls.map(({ name, args }) => ({ name, arguments: args })),
      }
      expect(heard.error).toBeUndefined()
      expect(heard.json).toEqual(chunksOf(said).map((value) => JSON.stringify(value)))
      expect(heard.text).toBe(text)
      expect(readAsClient(heard.json)).toMatchObject({ text, calls, finish: heard.answer!.finishReason })
      expect(heard.answer).toMatchObject({ content: text, toolCalls: calls, tokensEstimated: !said.counted })
      const { input, output } = heard.answer!.tokens
      expect(!said.counted || (input === usage.prompt_tokens && output === usage.completion_tokens)).toBe(true)
    }),
    { numRuns },
  )
})

type Mutation = (bytes: Buffer, at: number) => Buffer
const spliced =
  (cut: number, insert: string): Mutation =>
  (bytes, at) =>
    Buffer.concat([bytes.subarray(0, at), Buffer.from(insert), bytes.subarray(at + cut)])
const mutations: Mutation[] = [
  spliced(1, ''),
  spliced(40, ''),
  spliced(0, '\n\n'),
  spliced(0, '\r'),
  spliced(0, 'data: [DONE]\n\n'),
  spliced(0, '\n\ndata: {"error":{"message":"gone","code":503}}\n\n'),
  spliced(0, '\n\nevent: error\ndata: gone\n\n'),
  spliced(
    0,
    `\n\ndata: {"choices":[{"delta":{"content":"${key.slice(0, 20)}"}}]}\n\ndata: {"choices":[{"delta":{"content":"${key.slice(20)}"}}]}\n\n`,
  ),
  spliced(0, `\n\ndata: {"x":"${Buffer.from(key).toString('base64')}","choices":null}\n\n`),
  spliced(0, key),
  spliced(0, '<html>'),
  spliced(0, 'null'),
  spliced(0, '[[[{{{'),
  spliced(2, '\u00ff\u0000'),
  (bytes, at) => bytes.subarray(0, at),
  (bytes, at) => Buffer.concat([bytes, bytes.subarray(at)]),
]

const plain = (calls: readonly { id?: string; name: string; arguments: string }[]) =>
  calls.map(({ id, name, arguments: args }) => ({ id, name, arguments: args }))

test('of any stream that is spoiled client and record have the same, with one end and no key', async () => {
  const spoiled = fc.array(fc.record({ by: fc.constantFrom(...mutations), at: fc.nat() }), {
    minLength: 1,
    maxLength: 3,
  })
  await fc.assert(
    fc.asyncProperty(
      model,
      spoiled,
      fc.array(fc.nat(), { maxLength: 8 }),
      fc.boolean(),
      async (said, changes, cuts, fails) => {
        const bytes = changes.reduce((all, { by, at }) => by(all, at % (all.length + 1)), bytesOf(said))
        const heard = await stream(pieces(bytes, cuts), {}, { fails })
        const { answer, error } = heard
        expect(error === undefined).toBe(answer !== undefined)
        expect(error === undefined || error instanceof ProviderError).toBe(true)
        const read = readAsClient(heard.json)
        const calls = read.calls.filter(({ name }) => name)
        expect([read.errors, read.text]).toEqual([0, heard.text])
        const recorded = answer && { text: answer.content, finish: answer.finishReason, calls: plain(answer.toolCalls) }
        expect([recorded ?? {}]).toEqual([answer ? { text: read.text, finish: read.finish, calls: plain(calls) } : {}])
        for (const told of [
          read.text,
          heard.json.join(''),
          String(heard.error),
          JSON.stringify(heard.answer ?? null),
        ]) {
          expect(told).not.toContain(key)
          expect(told).not.toContain(Buffer.from(key).toString('base64'))
        }
      },
    ),
    { numRuns },
  )
})
