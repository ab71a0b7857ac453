import { describe, expect, test } from 'vitest'
import {
  chunk,
  completion,
  counters,
  frame,
  key,
  posted,
  readAsClient,
  stream,
  streamOf,
  usage,
  whole,
} from './completion.testing.ts'
import { openStream } from './open.ts'
import { KeyScrubber } from '../reading/key-scrubber.ts'

const [one, two, stop] = [chunk({ role: 'assistant', content: 'One ' }), chunk({ content: 'two.' }), chunk({}, 'stop')]
const native = [one, two, stop, counters]
const said = { content: 'One two.', finishReason: 'stop', tokens: { input: 11, output: 7 }, tokensEstimated: false }
const text = streamOf(...native)
const replaced = (from: string, to: string) => text.replaceAll(from, to)

describe('a stream', () => {
  test('that is native keeps its bytes, unknown fields and numbers among them', async () => {
    const odd = JSON.stringify({ ...one, x: { deep: [1] } }).replace('"x"', '"cost":1.0,"big":12345678901234567890,"x"')
    const { json, answer } = await stream([frame(odd) + streamOf(two, stop, counters)])
    expect(json).toEqual([odd, ...[two, stop, counters].map((value) => JSON.stringify(value))])
    expect(answer).toMatchObject(said)
  })

  test.each([
    ['with CRLF', replaced('\n', '\r\n')],
    ['with CR', replaced('\n', '\r')],
    ['with a byte order mark', `\uFEFF${text}`],
    ['without a space after the colon', replaced('data: ', 'data:')],
    [
      'with comments, ids and names',
      replaced('data: ', ': OPENROUTER PROCESSING\n\nid: 7\nevent: message\nretry: 10\ndata: '),
    ],
    [
      'with data of several lines',
      frame(one) + `data: ${JSON.stringify(two).replace(',', ',\ndata: ')}\n\n${streamOf(stop, counters)}`,
    ],
    ['with empty data', `data:\n\n${replaced('\n\ndata', '\n\ndata: \n\ndata')}`],
    ['that goes on after its end', `${text}${frame(chunk({ content: 'more' }))}${frame({ error: 'late' })}`],
    ['without its end', native.map(frame).join('')],
    ['without the last blank line', native.map(frame).join('').trimEnd()],
    ['with a frame that has no choices', frame({ type: 'ping' }) + text],
    ['with counters that have no choices', streamOf(one, two, stop, { ...counters, choices: undefined })],
    ['with counters that have null choices', streamOf(one, two, stop, { ...counters, choices: null })],
    ['with counters in each frame', streamOf(...[one, two, stop].map((value) => ({ ...value, usage })))],
    [
      'with content in parts',
      streamOf(
        chunk({ content: [{ type: 'thinking', thinking: 'Hm.' }] }),
        chunk({ content: [{ type: 'text', text: 'One ' }] }),
        two,
        stop,
        counters,
      ),
    ],
    [
      'with an empty finish reason',
      streamOf({ ...one, choices: [{ ...one.choices[0], finish_reason: '' }] }, two, stop, counters),
    ],
    [
      'without indexes',
      streamOf(
        ...[one, two, stop].map((c) => ({
          ...c,
          choices: c.choices.map(({ delta, finish_reason }) => ({ delta, finish_reason })),
        })),
        counters,
      ),
    ],
    [
      'with messages for deltas',
      streamOf(
        ...[one, two, stop].map((c) => ({
          ...c,
          choices: c.choices.map(({ delta, ...rest }) => ({ ...rest, message: delta })),
        })),
        counters,
      ),
    ],
    [
      'with another choice',
      streamOf(
        chunk({ content: 'Other.' }, null, {
          choices: [{ index: 1, delta: { content: 'Other.' }, finish_reason: 'stop' }],
        }),
        ...native,
      ),
    ],
    ['that ends without a finish reason', streamOf(one, two, counters)],
    ['that is JSON', JSON.stringify(completion({ content: 'One two.' }))],
    ['that is JSON after blank lines', `\n \n${JSON.stringify(completion({ content: 'One two.' }))}`],
  ])('%s says the same to client and record', async (_name, bytes) => {
    const heard = await stream([bytes])
    expect(heard.error).toBeUndefined()
    expect(readAsClient(heard.json)).toMatchObject({ text: 'One two.', finish: 'stop', errors: 0 })
    expect(heard.answer).toMatchObject(said)
    expect(heard.text).toBe('One two.')
  })

  test.each([
    ['that breaks off', frame(one) + frame(two), 'broke off'],
    ['that is cut in a frame', (frame(one) + frame(two)).slice(0, -20), 'broke off'],
    ['of nothing', '', 'broke off'],
    ['of nothing but its end', frame('[DONE]'), 'cannot be read'],
    ['with a frame that is no JSON', frame(one) + frame('{"id":"c-1","object"data: {') + frame(stop), 'no JSON'],
    ['that is a page', '<html><body>Bad gateway</body></html>', 'web page'],
    [
      'with an error for a frame',
      streamOf({ error: { code: 429, message: 'Slow down' } }),
      'rate of calls (HTTP 429): Slow down',
    ],
    [
      'with an error in the middle',
      streamOf(one, { error: { code: 502, message: 'Disconnected' } }, stop),
      '(HTTP 502): Disconnected',
    ],
    [
      'with an error event',
      `${frame(one)}event: error\ndata: {"message":"Context size exceeded"}\n\n`,
      'Context size exceeded',
    ],
    [
      'with an error event of text',
      `${frame(one)}event: error\ndata: Context size exceeded\n\n`,
      'Context size exceeded',
    ],
    ['with an error without a frame', `${frame(one)}{"error":{"code":400,"message":"Too long"}}\n`, 'Too long'],
    ['that is an error', '{"error":"model is loading"}', 'model is loading'],
    [
      'that finishes with an error',
      streamOf(
        one,
        chunk({}, 'error', {
          choices: [{ index: 0, delta: {}, finish_reason: 'error', error: { code: 502, message: 'Idle' } }],
        }),
      ),
      '(HTTP 502): Idle',
    ],
    ['that finishes with an error and no reason', streamOf(one, chunk({}, 'error')), 'ended its answer with an error'],
  ])('%s fails for client and record, with its reason', async (_name, bytes, reason) => {
    const heard = await stream([bytes])
    expect(heard.error).toMatchObject({ name: 'ProviderError', message: expect.stringContaining(reason) as string })
    expect(heard.answer).toBeUndefined()
  })

  test('that breaks after it finished is whole, and one that breaks before is not', async () => {
    expect((await stream([native.slice(0, 3).map(frame).join('')], {}, { fails: true })).answer).toMatchObject({
      content: 'One two.',
    })
    expect((await stream([frame(one)], {}, { fails: true })).error).toMatchObject({ code: 'compute_error' })
  })

  test('whose frame is larger than 8 MB is refused for what it is', async () => {
    const piece = 'x'.repeat(1024 * 1024)
    const heard = await stream([
      'data: {"choices":[{"delta":{"content":"',
      ...Array.from({ length: 9 }, () => piece),
      '"}}]}\n\n',
    ])
    expect(heard.error).toMatchObject({ message: expect.stringContaining('a frame larger than 8 MB') as string })
  })

  test('whose connection is left open ends with its end, and the connection is given up', async () => {
    const { answer, cancelled } = posted([text])
    const left = { ...answer, body: open(answer.body!) }
    const { frames } = await openStream(left, { asked: { stream: true }, scrubber: new KeyScrubber(key) })
    let count = 0
    for await (const some of frames) count += some.length
    expect(count).toBe(native.length)
    await expect.poll(() => cancelled.now, { timeout: 10_000 }).toBe(true)
  })

  test('tells refusals and how it was cut', async () => {
    const { answer } = await stream([
      streamOf(chunk({ refusal: 'I can ' }), chunk({ refusal: 'not.' }), chunk({}, 'content_filter')),
    ])
    expect(answer).toMatchObject({ refusal: 'I can not.', content: '', finishReason: 'content_filter' })
  })
})

async function* open(body: AsyncIterable<Uint8Array>) {
  yield* body
  await new Promise(() => {})
}

describe('an answer that is not streamed', () => {
  test('keeps its bytes when it is native, and is put right where it is not', async () => {
    const given = JSON.stringify(completion({ content: 'One two.', annotations: [] }, 'stop', { x: 1 }))
    expect(await whole(` ${given}\n`)).toMatchObject({ json: given, answer: said })
    const bare = await whole(
      JSON.stringify({ choices: [{ message: { content: [{ type: 'text', text: 'One two.' }] } }], usage }),
    )
    expect(bare.answer).toMatchObject(said)
    expect(JSON.parse(bare.json)).toMatchObject({
      choices: [{ index: 0, message: { content: 'One two.' }, finish_reason: 'stop' }],
    })
  })

  test.each(['text/event-stream', 'application/json'])(
    'is collected from a stream that calls itself %s',
    async (type) => {
      const { completion: value, answer } = await whole(text, {}, type)
      expect(answer).toMatchObject(said)
      expect(value).toMatchObject({
        object: 'chat.completion',
        model: 'm1',
        choices: [{ message: { role: 'assistant', content: 'One two.' }, finish_reason: 'stop' }],
        usage,
      })
    },
  )

  test.each([
    ['an error', '{"error":{"message":"Slow down","code":429}}', 'rate of calls (HTTP 429): Slow down'],
    ['an error as a list', '[{"error":{"message":"No such project","code":400}}]', 'No such project'],
    [
      'a choice with an error',
      JSON.stringify(
        completion({ content: '' }, 'error', {
          choices: [{ message: {}, finish_reason: 'error', error: { code: 504, message: 'Idle' } }],
        }),
      ),
      'Idle',
    ],
    ['a page', '<!doctype html><p>Sign in</p>', 'web page'],
    ['no choices', '{"id":"x"}', 'cannot be read'],
    ['an empty list of choices', '{"choices":[]}', 'cannot be read'],
    ['half of one', '{"choices":[{"mess', 'cannot be read'],
    ['words', 'upstream connect error', 'upstream connect error'],
  ])('that is %s fails, with its reason', async (_name, body, reason) => {
    await expect(whole(body)).rejects.toMatchObject({
      name: 'ProviderError',
      message: expect.stringContaining(reason) as string,
    })
  })
})

describe('usage', () => {
  const asked = {
    stream: true,
    messages: [{ role: 'user', content: 'How are you today?' }],
    stream_options: { include_usage: true },
  }
  test.each([
    ['absent', undefined],
    ['null', { prompt_tokens: null, completion_tokens: null, total_tokens: null }],
    ['zero', { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }],
    ['words', { prompt_tokens: 'many', completion_tokens: {} }],
    ['negative', { prompt_tokens: -5, completion_tokens: -1 }],
  ])('that is %s is estimated, and marked so, for client and record', async (_name, given) => {
    const last = { ...counters, usage: given }
    const heard = await stream([streamOf(one, two, stop, ...(given ? [last] : []))], asked)
    expect(heard.answer!.tokensEstimated).toBe(true)
    const { input, output } = heard.answer!.tokens
    expect(input).toBeGreaterThan(5)
    expect(output).toBeGreaterThan(1)
    const told = JSON.parse(heard.json.at(-1)!) as { choices: unknown[]; usage: object }
    expect(told).toMatchObject({
      choices: [],
      usage: { prompt_tokens: input, completion_tokens: output, estimated: true },
    })
    const collected = await whole(JSON.stringify({ ...completion({ content: 'One two.' }), usage: given }), asked)
    expect(collected.answer).toMatchObject({ tokens: { input, output }, tokensEstimated: true })
    expect(JSON.parse(collected.json)).toMatchObject({ usage: { prompt_tokens: input, estimated: true } })
  })

  test.each([
    ['as text', { prompt_tokens: '11', completion_tokens: '7' }],
    ['as fractions', { prompt_tokens: 10.2, completion_tokens: 6.5, cost: 0.5 }],
    ['under other names', { input_tokens: 11, output_tokens: 7 }],
  ])('%s is read upwards, and marked', async (_name, given) => {
    const { answer } = await stream([streamOf(one, two, stop, { ...counters, usage: given })], asked)
    expect(answer).toMatchObject({ tokens: { input: 11, output: 7 }, tokensEstimated: true })
  })
})

describe('tool calls', () => {
  const call = (piece: object) => chunk({ tool_calls: [piece] })
  const fn = (name: string | undefined, args: unknown) => ({ function: { ...(name && { name }), arguments: args } })
  const [a, b] = ['{"q":"x"}', '{"q":"y"}']
  const two_ = [
    { name: 'lookup', arguments: a },
    { name: 'lookup', arguments: b },
  ]
  const end = [chunk({}, 'tool_calls'), counters]
  test.each([
    [
      'in pieces',
      [
        { index: 0, id: 'c1', type: 'function', ...fn('lookup', '') },
        { index: 0, ...fn(undefined, '{"q":') },
        { index: 0, ...fn(undefined, '"x"}') },
        { index: 1, id: 'c2', type: 'function', ...fn('lookup', b) },
      ],
    ],
    [
      'without indexes',
      [
        { id: 'c1', ...fn('lookup', a) },
        { id: 'c2', ...fn('lookup', b) },
      ],
    ],
    [
      'under one index',
      [
        { index: 0, id: 'c1', ...fn('lookup', a) },
        { index: 0, id: 'c2', ...fn('lookup', b) },
      ],
    ],
    [
      'under indexes that begin elsewhere',
      [
        { index: 3, id: 'c1', ...fn('lookup', a) },
        { index: 9, id: 'c2', ...fn('lookup', b) },
      ],
    ],
    [
      'without ids',
      [
        { index: 0, ...fn('lookup', a) },
        { index: 1, ...fn('lookup', b) },
      ],
    ],
    ['without ids or indexes', [fn('lookup', a), fn('lookup', b)]],
    [
      'under one id',
      [
        { index: 0, id: 'c', ...fn('lookup', a) },
        { index: 1, id: 'c', ...fn('lookup', b) },
      ],
    ],
    [
      'whose ids change in the middle',
      [
        { index: 0, id: 'c1', ...fn('lookup', '{"q":') },
        { index: 0, id: 'c9', ...fn(undefined, '"x"}') },
        { index: 1, id: 'c2', ...fn('lookup', b) },
      ],
    ],
    [
      'whose names come again',
      [
        { index: 0, id: 'c1', ...fn('lookup', '{"q":') },
        { index: 0, id: 'c1', ...fn('lookup', '"x"}') },
        { index: 1, id: 'c2', ...fn('lookup', b) },
      ],
    ],
    [
      'with objects for arguments',
      [
        { index: 0, id: 'c1', ...fn('lookup', { q: 'x' }) },
        { index: 1, id: 'c2', ...fn('lookup', { q: 'y' }) },
      ],
    ],
    [
      'encoded twice',
      [
        { index: 0, id: 'c1', ...fn('lookup', JSON.stringify(a).slice(0, 5)) },
        { index: 0, ...fn(undefined, JSON.stringify(a).slice(5)) },
        { index: 1, id: 'c2', ...fn('lookup', JSON.stringify(b)) },
      ],
    ],
  ])('%s are two calls for client and record, with ids of their own', async (_name, pieces) => {
    const heard = await stream([streamOf(...pieces.map(call), ...end)])
    const read = readAsClient(heard.json)
    expect(read).toMatchObject({ calls: two_, finish: 'tool_calls' })
    expect(heard.answer!.toolCalls).toMatchObject(two_)
    const ids = read.calls.map(({ id }) => id)
    expect(new Set(ids).size).toBe(2)
    expect(ids.every(Boolean)).toBe(true)
    expect(heard.answer!.toolCalls.map(({ id }) => id)).toEqual(ids)
  })

  test('without arguments have none, and what is native keeps its bytes', async () => {
    const pieces = [call({ index: 0, id: 'c1', type: 'function', ...fn('now', undefined) }), ...end]
    expect(readAsClient((await stream([streamOf(...pieces)])).json).calls).toMatchObject([
      { name: 'now', arguments: '{}' },
    ])
    const usual = [
      call({ index: 0, id: 'c1', type: 'function', ...fn('lookup', '') }),
      call({ index: 0, ...fn(undefined, a) }),
      ...end,
    ]
    expect((await stream([streamOf(...usual)])).json).toEqual(usual.map((value) => JSON.stringify(value)))
  })

  test('of the legacy form become calls, but for a client that asked in that form', async () => {
    const pieces = [
      chunk({ function_call: { name: 'lookup', arguments: '{"q":' } }),
      chunk({ function_call: { arguments: '"x"}' } }),
      chunk({}, 'function_call'),
    ]
    const heard = await stream([streamOf(...pieces)])
    expect(readAsClient(heard.json)).toMatchObject({ calls: [two_[0]], finish: 'tool_calls' })
    const legacy = await stream([streamOf(...pieces)], { functions: [] })
    expect(legacy.json.slice(0, 3)).toEqual(pieces.map((value) => JSON.stringify(value)))
    expect(legacy.answer!.toolCalls).toMatchObject([two_[0]])
  })

  test('of a whole answer are put right in the same way, and large numbers stay exact', async () => {
    const big = '{"n":12345678901234567890}'
    const given = JSON.stringify(
      completion(
        {
          content: null,
          tool_calls: [
            { id: 'c', type: 'function', function: { name: 'lookup', arguments: big } },
            {
              id: 'c',
              function: { name: 'lookup', arguments: 'RAW' },
              extra_content: { google: { thought_signature: 's' } },
            },
            { function: { name: 'now' } },
            { function: {} },
          ],
          reasoning_content: 'Hm.',
        },
        'stop',
      ),
    ).replace('"RAW"', big)
    const { json, answer } = await whole(given)
    expect(json).toContain('"arguments":"{\\"n\\":12345678901234567890}"},"extra_content"')
    expect(answer.toolCalls.map(({ name, arguments: args }) => [name, args])).toEqual([
      ['lookup', big],
      ['lookup', big],
      ['now', '{}'],
    ])
    expect(new Set(answer.toolCalls.map(({ id }) => id)).size).toBe(3)
    expect(answer).toMatchObject({
      extra: { reasoning_content: 'Hm.' },
      toolCalls: [{}, { extra: { extra_content: { google: { thought_signature: 's' } } } }, {}],
    })
  })

  test('keep what the model gave beside them, in one piece', async () => {
    const detail = (text: string, more: object = {}) => ({
      reasoning_details: [{ type: 'reasoning.text', index: 0, text, ...more }],
    })
    const { answer } = await stream([
      streamOf(
        chunk({ reasoning: 'a', ...detail('a') }),
        chunk({ reasoning: 'b', ...detail('b', { signature: 'sealed' }) }),
        call({ index: 0, id: 'c1', ...fn('lookup', a), extra_content: { x: 1 } }),
        ...end,
      ),
    ])
    expect(answer!.extra).toEqual({
      reasoning: 'ab',
      reasoning_details: [{ type: 'reasoning.text', index: 0, text: 'ab', signature: 'sealed' }],
    })
    expect(answer!.toolCalls[0]!.extra).toEqual({ extra_content: { x: 1 } })
  })
})

test.each([key, Buffer.from(`Bearer ${key}`).toString('base64url')])(
  'a key that is cut over chunks is taken out as far as it was not told: %s',
  async (spelled) => {
    for (const at of [12, 20, 30]) {
      const { json, answer } = await stream([
        streamOf(chunk({ content: `is ${spelled.slice(0, at)}` }), chunk({ content: `${spelled.slice(at)}.` }), stop),
      ])
      const { text: told } = readAsClient(json)
      expect(told).toBe(answer!.content)
      for (let i = 0; i + 24 <= spelled.length; i++) expect(told).not.toContain(spelled.slice(i, i + 24))
    }
  },
)
