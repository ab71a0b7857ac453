import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Bed } from './testing/bed.ts'
import { openBed } from './testing/bed.ts'
import { eventsOf } from './testing/clients.ts'
import { CALL_ID } from './testing/garbage.ts'
import { leaksIn, wrongWith } from './testing/leaks.ts'
import type { Document, Known, Sent } from './testing/requests.ts'
import { operationsOf, requestsFor } from './testing/requests.ts'

const REQUESTS = 10_000
const AT_ONCE = 16
/** As the environment says, to see a failure again. */
const seed = Number(process.env['GARBAGE_SEED'] ?? Date.now() % 1_000_000_007)

let bed: Bed
beforeAll(async () => {
  bed = await openBed()
  const { projectId } = bed.sides.double
  await bed.client.projects.changeCapabilities.mutate({ projectId, capabilities: ['chat', 'files', 'data'] })
}, 60_000)
afterAll(() => bed?.close())

const tool = { name: 'weather', description: 'The weather.', parameters: { type: 'object' } }
const idOf = async (response: Promise<Response>) => ((await (await response).json()) as { id: string }).id

/** Runs that ended and runs that wait, sessions, and files. */
async function known(): Promise<Known> {
  const post = (path: string, body?: unknown) => idOf(bed.call('POST', path, body))
  const runs = [await post('/v1/agent', { message: 'Hi' })]
  bed.sides.double.model.reply(() => ({ toolCalls: [{ id: CALL_ID, name: 'weather', arguments: '{}' }] }))
  for (let n = 0; n < 30; n++) runs.push(await post('/v1/agent', { message: 'Hi', tools: [tool] }))
  bed.calm()
  const form = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nabc\r\n--b--\r\n'
  const headers = { 'content-type': 'multipart/form-data; boundary=b' }
  const [sessions, files]: [string[], string[]] = [[], []]
  for (let n = 0; n < 6; n++) {
    sessions.push(await post('/v1/sessions'))
    files.push(await idOf(bed.call('POST', '/v1/files', form, { headers })))
  }
  return { apiKey: bed.sides.double.apiKey, ids: { agent: runs, sessions, files, models: ['gpt-4o', 'o1'] } }
}

type Heard = { status: number; text: string; headers: string }
async function send({ operation: { method }, path, headers, body }: Sent): Promise<Heard> {
  const response = await fetch(bed.server.url + path, { method, headers, ...(body !== undefined && { body }) })
  return { status: response.status, text: await response.text(), headers: JSON.stringify([...response.headers]) }
}

function problemOf({ status, text, headers }: Heard, secrets: readonly string[]): string | undefined {
  const wrong = wrongWith(status, text)
  const [leak] = leaksIn(text + headers, secrets)
  if (wrong !== undefined || leak !== undefined) return wrong ?? `it told ${leak}`
  if (!headers.includes('x-request-id')) return 'no x-request-id'
  const failed = headers.includes('text/event-stream') && eventsOf(text).find(({ event }) => event === 'error')
  return failed ? `a stream ended with ${String(failed.data['code'])}` : undefined
}

test('10,000 requests of garbage: never a 5xx, never a crash, never a leak', async () => {
  console.info(`garbage: GARBAGE_SEED=${seed}`)
  const document = (await (await fetch(`${bed.server.url}/v1/openapi.json`)).json()) as Document
  const all = await known()
  const operations = operationsOf(document)
  const one = fc.oneof(...operations.map((operation) => requestsFor(operation, all)))
  const requests = fc.sample(one, { seed, numRuns: REQUESTS })
  const secrets = [bed.key, all.apiKey, bed.home, bed.database.url]
  const quietUntil = bed.server.output().length
  const problems: string[] = []
  const statuses = new Map<string, number>()
  const passed = new Set<string>()
  const queue = requests.values()
  const worker = async () => {
    for (const request of queue) {
      const heard = await send(request)
      const kind = `${Math.floor(heard.status / 100)}xx`
      statuses.set(kind, (statuses.get(kind) ?? 0) + 1)
      if (heard.status < 300) passed.add(`${request.operation.method} ${request.operation.path}`)
      const problem = problemOf(heard, secrets)
      if (problem !== undefined)
        problems.push(`${problem}: ${JSON.stringify(request).slice(0, 600)} → ${heard.text.slice(0, 200)}`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  expect(problems.slice(0, 5), `seed ${seed}, ${problems.length} in all`).toEqual([])
  console.info(`garbage: ${JSON.stringify(Object.fromEntries(statuses))}`)
  // Garbage that nothing gets through would prove little.
  expect(operations.map(({ method, path }) => `${method} ${path}`).filter((name) => !passed.has(name))).toEqual([])
  expect(statuses.get('4xx')).toBeGreaterThan(REQUESTS / 4)
  const log = bed.server.output().slice(quietUntil)
  expect(leaksIn(log, secrets), `seed ${seed}`).toEqual([])
  expect(
    log
      .split('\n')
      .filter((line) => /"level":"(error|fatal)"/.test(line))
      .slice(0, 3),
    `seed ${seed}`,
  ).toEqual([])
  const after = await bed.call('POST', '/v1/agent', { message: 'Hi', stream: false })
  expect([after.status, await after.json()]).toMatchObject([200, { status: 'completed' }])
}, 120_000)
