import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Bed } from './testing/bed.ts'
import { openBed } from './testing/bed.ts'
import { leaksIn, wrongWith } from './testing/leaks.ts'

let bed: Bed
let secrets: string[]
const paths: Record<string, string> = {}
const tool = { name: 'weather', description: 'The weather.', parameters: { type: 'object', properties: {} } }
const bodies: Record<string, Record<string, unknown>> = {
  '/v1/agent': {
    message: 'Hi',
    capabilities: ['chat'],
    files: [{ name: 'a.txt', content: 'x' }],
    stream: false,
    tools: [tool],
  },
  '/v1/sessions/{id}/messages': { message: 'Hi', capabilities: ['chat'], stream: false, tools: [tool] },
  '/v1/agent/{id}/tool-outputs': {
    tool_outputs: [{ tool_call_id: 'c1', output: 'sunny' }],
    _compute_instance: 'x',
  },
  '/v1/chat/completions': {
    model: 'gpt-4o',
    messages: [{ role: 'user', content: 'Hi' }],
    stream: false,
    stream_options: { include_usage: true },
    temperature: 0.5,
    tools: [{ type: 'function', function: { name: 'a', parameters: { type: 'object' } } }],
  },
}
const routes = Object.keys(bodies)

const idOf = async (response: Promise<Response>) => ((await (await response).json()) as { id: string }).id
async function waiting(): Promise<string> {
  bed.sides.double.model.reply(() => ({ toolCalls: [{ id: 'c1', name: 'weather', arguments: '{}' }] }))
  const id = await idOf(bed.call('POST', '/v1/agent', { message: 'Hi', tools: [tool], stream: false }))
  bed.calm()
  return id
}
beforeAll(async () => {
  bed = await openBed()
  secrets = [bed.key, bed.sides.double.apiKey, bed.home, bed.database.url]
  paths['/v1/agent'] = '/v1/agent'
  paths['/v1/chat/completions'] = '/v1/chat/completions'
  paths['/v1/sessions/{id}/messages'] = `/v1/sessions/${await idOf(bed.call('POST', '/v1/sessions'))}/messages`
  paths['/v1/agent/{id}/tool-outputs'] = `/v1/agent/${await waiting()}/tool-outputs`
}, 60_000)
afterAll(() => bed?.close())

type Place = (string | number)[]
/** Every place in a body. */
const placesIn = (value: unknown, at: Place = []): Place[] =>
  typeof value !== 'object' || value === null
    ? [at]
    : [
        ...(at.length > 0 ? [at] : []),
        ...Object.entries(value).flatMap(([key, inner]) =>
          placesIn(inner, [...at, Array.isArray(value) ? Number(key) : key]),
        ),
      ]

function replaced(value: unknown, [key, ...rest]: Place, by: unknown): unknown {
  if (key === undefined) return by
  if (Array.isArray(value)) return value.map((one: unknown, i) => (i === key ? replaced(one, rest, by) : one))
  return { ...(value as object), [key]: replaced((value as Record<string, unknown>)[key], rest, by) }
}
const at = (value: unknown, place: Place) =>
  place.reduce<unknown>((inner, key) => (inner as Record<string | number, unknown>)[key], value)
const kindOf = (value: unknown) => (Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value)

/** What is sent as it is, into JSON: `JSON.stringify` could not say these. */
const RAW = '@@raw@@'
const raw = (body: unknown, place: Place, json: string) =>
  JSON.stringify(replaced(body, place, RAW)).replace(`"${RAW}"`, () => json)

async function expectFine(route: string, body: string, headers: Record<string, string> = {}) {
  const response = await bed.call('POST', paths[route]!, body, { headers })
  const answer = await response.text()
  const told = `${route} ${body.slice(0, 200)} → ${response.status} ${answer.slice(0, 200)}`
  expect([told, wrongWith(response.status, answer)]).toEqual([told, undefined])
  expect([told, leaksIn(answer + JSON.stringify([...response.headers]), secrets)]).toEqual([told, []])
  return { status: response.status, answer, told }
}

describe.each(routes)('POST %s', (route) => {
  const body = bodies[route]!
  const places = placesIn(body)
  // What is handed on to the provider, and what is none of ours, has any type.
  const free = /^(temperature|tools\.0\.function|tools\.0$|_compute_instance|messages\.0\.content|properties)/
  const ours = (place: Place) => {
    const name = place.join('.')
    if (/parameters\.properties/.test(name)) return false
    return (
      !(route === '/v1/chat/completions' && (free.test(name) || name.startsWith('tools'))) &&
      place[0] !== '_compute_instance'
    )
  }
  const values = [5, -1.5, true, 'text', [], {}, [[]], { a: 1 }, '', 1e308]

  test.each(places.map((place) => [place.join('.'), place] as const))('%s of a wrong type', async (name, place) => {
    for (const value of values.filter((one) => kindOf(one) !== kindOf(at(body, place)))) {
      const { status, answer, told } = await expectFine(route, JSON.stringify(replaced(body, place, value)))
      if (!ours(place)) continue
      expect([told, status]).toEqual([told, 400])
      expect(answer).toContain(String(name.split('.')[0]))
    }
    await expectFine(route, JSON.stringify(replaced(body, place, null)))
  })

  test.each(places.map((place) => [place.join('.'), place] as const))(
    '%s too long, and too deep',
    async (_name, place) => {
      const deep = (open: string, close: string, levels: number) => open.repeat(levels) + close.repeat(levels)
      const long = JSON.stringify('x'.repeat(300_000))
      const many = JSON.stringify(Array.from({ length: 20_000 }, () => 'x'))
      for (const json of [long, many, deep('[', ']', 50_000), deep('{"a":', '}', 20_000).replace('}', '1}')])
        await expectFine(route, raw(body, place, json))
    },
  )

  test.each(places.map((place) => [place.join('.'), place] as const))(
    '__proto__ and doubled keys at %s',
    async (_name, place) => {
      for (const json of ['{"__proto__":{"admin":true}}', '{"constructor":{"prototype":{"admin":true}}}']) {
        const { status } = await expectFine(route, raw(body, place, json))
        expect(status).toBe(400)
      }
      const key = place.findLast((one) => typeof one === 'string')!
      const doubled = JSON.stringify(body).replace(`"${key}":`, () => `"${key}":null,"${key}":5,"${key}":`)
      await expectFine(route, doubled)
      const { status } = await expectFine(route, JSON.stringify(body).replace('{', '{"__proto__":{"admin":true},'))
      expect(status).toBe(400)
    },
  )

  test('another content type, and a body that is cut off', async () => {
    const whole = JSON.stringify(body)
    for (const type of [
      'text/plain',
      'application/xml',
      'multipart/form-data; boundary=x',
      'x',
      'application/json+x',
      '*/*',
    ]) {
      const { status, told } = await expectFine(route, whole, { 'content-type': type })
      expect([told, status]).toEqual([told, 400])
    }
    for (const length of [0, 1, Math.floor(whole.length / 2), whole.length - 1]) {
      const { status, told } = await expectFine(route, whole.slice(0, length))
      expect([told, status]).toEqual([told, 400])
    }
    await cutOff(route, whole)
    // The server is as it was.
    expect((await expectFine('/v1/agent', JSON.stringify({ message: 'Hi', stream: false }))).status).toBe(200)
  })
})

/** Says that more comes, and goes. */
async function cutOff(route: string, whole: string) {
  const { hostname, port } = new URL(bed.server.url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  const head = [
    `POST ${paths[route]} HTTP/1.1`,
    `host: ${hostname}`,
    `authorization: Bearer ${bed.sides.double.apiKey}`,
  ]
  socket.end(
    `${[...head, 'content-type: application/json', `content-length: ${whole.length + 50}`].join('\r\n')}\r\n\r\n${whole}`,
  )
  const answer = await text(socket).catch(() => '')
  expect(leaksIn(answer, secrets)).toEqual([])
}

test.each([
  ['no HTTP', 'HELLO\r\n\r\n'],
  ['a broken header', `GET /v1/usage HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk-stw_\u0000x\r\n\r\n`],
  ['two lengths', 'POST /v1/agent HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx'],
  [
    'a length and chunks',
    'POST /v1/agent HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['headers of 100 KB', `GET /v1/usage HTTP/1.1\r\nhost: x\r\nx: ${'x'.repeat(100_000)}\r\n\r\n`],
])('%s is answered in the shape of every error, and the connection is closed', async (_what, request) => {
  const { hostname, port } = new URL(bed.server.url)
  const socket = connect(Number(port), hostname)
  socket.write(request)
  const answer = await text(socket)
  expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /)
  expect(answer.toLowerCase()).toContain('x-request-id: ')
  const status = Number(answer.slice(9, 12))
  expect(wrongWith(status, answer.slice(answer.indexOf('\r\n\r\n') + 4))).toBeUndefined()
  expect(leaksIn(answer, secrets)).toEqual([])
})

test('of all this no fault and no secret is in the log', () => {
  const log = bed.server.output()
  expect(leaksIn(log, [bed.key, bed.sides.double.apiKey])).toEqual([])
  expect(log).not.toMatch(/"level":"(error|fatal)"/)
})
