import fc from 'fast-check'
import type { Schema } from './garbage.ts'
import { anything, damaged, valid } from './garbage.ts'

/** One operation of the API's description. */
export type Operation = { method: string; path: string; schema: Schema | undefined; form: boolean }
type Described = { requestBody?: { content: Record<string, { schema: Schema }> } }
export type Document = { paths: Record<string, Record<string, Described>> }

export const operationsOf = ({ paths }: Document): Operation[] =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { requestBody }]) => ({
      method: method.toUpperCase(),
      path,
      schema: requestBody?.content['application/json']?.schema,
      form: requestBody?.content['multipart/form-data'] !== undefined,
    })),
  )

export type Sent = { operation: Operation; path: string; headers: Record<string, string>; body: string | undefined }
/** `ids`: what there is, by the word after `/v1/`. */
export type Known = { apiKey: string; ids: Record<string, readonly string[]> }

const visible = fc.stringMatching(/^[\x21-\x7e]{1,80}$/)
const rarely = <T>(one: fc.Arbitrary<T>) => fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, one)

/** Requests for one operation: right ones, nearly right ones, and any bytes. */
export function requestsFor(operation: Operation, known: Known): fc.Arbitrary<Sent> {
  const all = known.ids[operation.path.split('/')[2]!] ?? []
  // What may be removed is the first half: the other one is there to the end.
  const ids = operation.method === 'DELETE' ? all.slice(0, all.length / 2) : all
  const right = ids.length > 0 ? [{ weight: 6, arbitrary: fc.constantFrom(...ids) }] : []
  const id = fc.oneof(...right, fc.uuid(), fc.string({ unit: 'binary', maxLength: 60 }), visible)
  const authorization = fc.oneof(
    { weight: 12, arbitrary: fc.constant(`Bearer ${known.apiKey}`) },
    visible.map((text) => `Bearer ${text}`),
    visible,
    fc.constant(''),
  )
  return fc
    .record({
      id,
      body: operation.form ? forms : bodies(operation.schema),
      authorization,
      'content-type': fc.oneof({ weight: 8, arbitrary: fc.constant(undefined) }, contentTypes, visible),
      'idempotency-key': rarely(visible),
      prefer: rarely(fc.constantFrom('respond-async, wait=0', 'respond-async; wait=99999999999', 'wait=,', ';;')),
      'last-event-id': rarely(
        fc.oneof(visible, fc.constant('1.1.0.00000000'), fc.constant('9999.999999999.1.ffffffff')),
      ),
      range: rarely(fc.oneof(visible, fc.constant('bytes=0-0,2-'), fc.constant('bytes=9-1'))),
    })
    .map(({ id: one, body, ...headers }) => sent(operation, one, body, headers))
}

type Body = { text: string | undefined; type: string }

function sent(operation: Operation, id: string, body: Body, headers: Record<string, string | undefined>): Sent {
  const given = Object.entries(headers).filter((entry): entry is [string, string] => Boolean(entry[1]))
  const hasBody = operation.method !== 'GET' && body.text !== undefined
  return {
    operation,
    path: operation.path.replace('{id}', encodeURIComponent(id.toWellFormed())),
    headers: { ...(hasBody && { 'content-type': body.type }), ...Object.fromEntries(given) },
    body: hasBody ? body.text : undefined,
  }
}

const contentTypes = fc.constantFrom(
  'application/json; charset=utf-8',
  'application/json; charset=utf-16',
  'APPLICATION/JSON',
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data',
  'multipart/form-data; boundary=x',
  'application/octet-stream',
  'application/json, application/json',
)

const json = (value: unknown) => JSON.stringify(value) as string | undefined
const doubled = (text: string) => text.replace(/^\{(.+?),/s, '{$1,$1,')
const poisoned = (text: string) => text.replace('{', '{"__proto__":{"admin":true},')
const poisonedDeeper = (text: string) => text.replaceAll('":{', '":{"constructor":{"prototype":{"a":1}},')
const deeper = (text: string) => `${'['.repeat(3_000)}${text}${']'.repeat(3_000)}`
const spoil = fc.constantFrom(doubled, poisoned, poisonedDeeper, deeper, (text: string) =>
  text.slice(0, Math.floor(text.length * 0.7)),
)

function bodies(schema: Schema | undefined): fc.Arbitrary<Body> {
  const right = schema ? valid(schema) : fc.constant(undefined)
  const wrong = fc.tuple(right, anything, fc.nat(10_000)).map(([value, by, at]) => damaged(value, by, at))
  const texts = fc.oneof(
    { weight: 3, arbitrary: right.map(json) },
    { weight: 6, arbitrary: wrong.map(json) },
    { weight: 2, arbitrary: fc.tuple(right, spoil).map(([value, how]) => how(json(value) ?? '{}')) },
    { weight: 2, arbitrary: anything.map(json) },
    fc.string({ unit: 'binary', maxLength: 100 }),
  )
  return texts.map((text) => ({ text: text?.toWellFormed(), type: 'application/json' }))
}

const part = fc
  .tuple(
    fc.constantFrom('file', 'files', '', 'a"b'),
    fc.constantFrom('notes.txt', '', '../x', 'a.', 'x\u0000.txt'),
    fc.string(),
  )
  .map(
    ([name, file, content]) =>
      `--b\r\nContent-Disposition: form-data; name="${name}"${file && `; filename="${file}"`}\r\n\r\n${content}\r\n`,
  )
const forms: fc.Arbitrary<Body> = fc
  .tuple(fc.array(part, { maxLength: 3 }), fc.constantFrom('--b--\r\n', '--b--', '', '--b'), fc.boolean())
  .map(([parts, end, said]) => ({
    text: `${parts.join('')}${end}`.toWellFormed(),
    type: said ? 'multipart/form-data; boundary=b' : 'multipart/form-data; boundary=c',
  }))
