import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Bed } from './testing/bed.ts'
import { openBed } from './testing/bed.ts'
import { leaksIn, wrongWith } from './testing/leaks.ts'

let bed: Bed
let secrets: string[]
beforeAll(async () => {
  bed = await openBed()
  secrets = [bed.key, bed.sides.double.apiKey, bed.home, bed.database.url]
}, 60_000)
afterAll(() => bed?.close())

async function expectFine(asked: Promise<Response>) {
  const response = await asked
  const answer = await response.text()
  const told = `${response.url.slice(0, 200)} → ${response.status} ${answer.slice(0, 200)}`
  expect([told, wrongWith(response.status, answer)]).toEqual([told, undefined])
  expect([told, leaksIn(answer + JSON.stringify([...response.headers]), secrets)]).toEqual([told, []])
  return { status: response.status, answer }
}

const ids = [
  'x',
  '0',
  'null',
  '__proto__',
  '%00',
  '%zz',
  '%2e%2e%2f%2e%2e%2fetc%2fpasswd',
  "'%20or%20'1'='1",
  randomUUID().toUpperCase(),
  `${randomUUID()}%0a`,
  'a'.repeat(4_000),
  'a'.repeat(10_000),
  '%F0%9F%8F%B3',
]
const outputs = { tool_outputs: [{ tool_call_id: 'c1', output: 'x' }] }
const withId: [string, string, unknown?][] = [
  ['GET', '/v1/agent/{id}'],
  ['DELETE', '/v1/agent/{id}'],
  ['GET', '/v1/agent/{id}/stream'],
  ['POST', '/v1/agent/{id}/tool-outputs', outputs],
  ['GET', '/v1/sessions/{id}'],
  ['DELETE', '/v1/sessions/{id}'],
  ['GET', '/v1/sessions/{id}/messages'],
  ['POST', '/v1/sessions/{id}/messages', { message: 'Hi' }],
  ['GET', '/v1/files/{id}'],
  ['DELETE', '/v1/files/{id}'],
  ['GET', '/v1/files/{id}/content'],
]

test.each(withId)('%s %s with an id that is none', async (method, path, body) => {
  for (const id of ids) {
    const { status } = await expectFine(bed.call(method, path.replace('{id}', id), body))
    expect([400, 404]).toContain(status)
  }
})

describe('a header of', () => {
  const agent = (headers: Record<string, string>) => bed.call('POST', '/v1/agent', { message: 'Hi' }, { headers })

  test('Idempotency-Key that is too long, or no text, is refused', async () => {
    for (const key of ['x'.repeat(256), 'x'.repeat(10_000), 'a b', '\u00fc'])
      expect((await expectFine(agent({ 'idempotency-key': key }))).status).toBe(400)
    expect((await expectFine(agent({ 'idempotency-key': '__proto__' }))).status).toBe(200)
  })

  test('Prefer, Last-Event-ID or Range that means nothing is passed over', async () => {
    const values = ['', ',', ';;=', 'wait=-1', 'respond-async, wait=abc', 'x'.repeat(5_000), '__proto__', '\u00ff']
    for (const value of values) {
      expect([200, 202]).toContain((await expectFine(agent({ prefer: value }))).status)
      const run = await expectFine(agent({ range: value, accept: value, 'x-request-id': value }))
      const { id } = JSON.parse(run.answer) as { id: string }
      const headers = { 'last-event-id': value }
      expect((await expectFine(bed.call('GET', `/v1/agent/${id}/stream`, undefined, { headers }))).status).toBe(200)
    }
  })

  test('Authorization in any other form is a 401', async () => {
    const { apiKey } = bed.sides.double
    const values = [
      'x',
      'Bearer',
      'Bearer  ',
      `Bearer ${apiKey} x`,
      `Bearer ${'x'.repeat(5_000)}`,
      'Bearer sk-stw_\u00ff',
    ]
    for (const authorization of values) expect((await expectFine(agent({ authorization }))).status).toBe(401)
  })
})

describe('files', () => {
  const sent = (files: unknown) => bed.call('POST', '/v1/agent', { message: 'Hi', files })
  const wrong: [string, unknown][] = [
    ['no list', {}],
    ['no object', ['a.txt']],
    ['null', [null]],
    ['nothing in it', [{}]],
    ['both contents', [{ name: 'a.txt', content: 'x', content_base64: 'eA==' }]],
    ['broken base64', [{ name: 'a.txt', content_base64: '%%%' }]],
    ['base64 of another type', [{ name: 'a.txt', content_base64: 5 }]],
    ['no name', [{ content: 'x' }]],
    ['a name too long', [{ name: `${'a'.repeat(10_000)}.txt`, content: 'x' }]],
    ['a path as name', [{ name: '../../a.txt', content: 'x' }]],
    ['a control character in the name', [{ name: 'a\u0000.txt', content: 'x' }]],
    ['an id that is none', [{ file_id: 'x' }]],
    ['an id of nothing', [{ file_id: randomUUID() }]],
    ['an id of another type', [{ file_id: {} }]],
    ['an id and a name', [{ file_id: randomUUID(), name: 'a.txt' }]],
    ['too many', Array.from({ length: 51 }, () => ({ name: 'a.txt', content: 'x' }))],
  ]
  test.each(wrong)('with %s are refused', async (_what, files) => {
    const { status, answer } = await expectFine(sent(files))
    expect([status, answer]).toEqual([400, expect.stringContaining('files') as string])
  })

  const part = (head: string, content = 'x') => `--b\r\nContent-Disposition: form-data; ${head}\r\n\r\n${content}\r\n`
  const good = part('name="file"; filename="a.txt"')
  const forms: [string, string, string?][] = [
    ['nothing', ''],
    ['only an end', '--b--\r\n'],
    ['no file', `${part('name="file"')}--b--\r\n`],
    ['a file without a name', `${part('name="file"; filename=""')}--b--\r\n`],
    ['a file without an extension', `${part('name="file"; filename="notes"')}--b--\r\n`],
    ['a path as name', `${part('name="file"; filename="../../notes"')}--b--\r\n`],
    ['no end', good],
    ['another boundary', `${good}--b--\r\n`, 'multipart/form-data; boundary=c'],
    ['no boundary', `${good}--b--\r\n`, 'multipart/form-data'],
    ['a boundary too long', `${good}--b--\r\n`, `multipart/form-data; boundary=${'b'.repeat(5_000)}`],
    ['JSON', '{"name":"a.txt"}', 'application/json'],
    ['a text', 'x', 'text/plain'],
    ['a header too long', `${part(`name="file"; filename="${'a'.repeat(100_000)}.txt"`)}--b--\r\n`],
  ]
  test.each(forms)('uploaded with %s are refused', async (_what, body, type = 'multipart/form-data; boundary=b') => {
    const headers = { 'content-type': type }
    expect((await expectFine(bed.call('POST', '/v1/files', body, { headers }))).status).toBe(400)
  })

  test('by a URL with any other query are refused', async () => {
    const headers = { 'content-type': 'multipart/form-data; boundary=b' }
    const response = await bed.call('POST', '/v1/files', `${good}--b--\r\n`, { headers })
    const { url } = (await response.json()) as { url: string }
    for (const query of [
      '?',
      '?name=a.txt',
      '?expires=x',
      '?signature=x&expires=-1&name=',
      '?name[]=a&name[]=b',
      '?__proto__=1',
    ]) {
      const asked = fetch(new URL(url).href.replace(/\?.*/, query))
      expect([401, 403]).toContain((await expectFine(asked)).status)
    }
  })
})

test('of all this no fault and no secret is in the log', () => {
  const log = bed.server.output()
  expect(leaksIn(log, [bed.key, bed.sides.double.apiKey])).toEqual([])
  expect(log).not.toMatch(/"level":"(error|fatal)"/)
})
