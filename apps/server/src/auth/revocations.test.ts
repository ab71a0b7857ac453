import { setTimeout as wait } from 'node:timers/promises'
import { runStream } from '@stewrd/core/runs/runs.ts'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { createApp } from '../app.ts'
import { createLogger } from '../kernel/log.ts'
import { createPlatform } from '../platform.ts'
import type { Bed } from '../runs/v1.testing.ts'
import { frames, openBed } from '../runs/v1.testing.ts'
import { clientOf, owner, signIn } from '../testing/server.ts'
import { RevocationWatch } from './revocation-watch.ts'

// A file of its own: two nodes, and a provider that holds its answers back.
let bed: Bed
/** Addresses of the two nodes. */
let nodes: [string, string]
let closeSecond: () => Promise<void>
beforeAll(async () => {
  bed = await openBed()
  const log = createLogger({ production: true, logLevel: 'silent' })
  const platform = await createPlatform(bed.tested.env, { as: 'command', log })
  const app = await createApp({ platform, log })
  nodes = [bed.server.url, await app.listen({ port: 0, host: '127.0.0.1' })]
  closeSecond = async () => {
    await app.close()
    await platform.close()
  }
})
afterAll(async () => {
  bed?.upstream.release()
  await closeSecond?.()
  await bed?.close()
})
afterEach(() => bed.upstream.release())

const post = (path: string, body: object, cookie: string) =>
  fetch(`${nodes[0]}/api/auth${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: nodes[0], cookie },
    body: JSON.stringify(body),
  })

/** All that a stream says until it ends. */
type Reading = { text(): string; ended: Promise<void> }
async function reading(response: Response): Promise<Reading> {
  expect(response.status).toBe(200)
  let text = ''
  const ended = (async () => {
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) text += chunk
  })()
  await vi.waitFor(() => expect(text).not.toBe(''), { timeout: 10_000 })
  return { text: () => text, ended }
}
const tail = async (url: string, cookie: string) =>
  reading(
    await fetch(`${url}/trpc/history.tail?input=${encodeURIComponent(JSON.stringify({ after: -1 }))}`, {
      headers: { cookie, accept: 'text/event-stream' },
    }),
  )

describe('a stream that was opened with an API key that is revoked', () => {
  const stream = (url: string, apiKey: string, path: string, body?: object) =>
    fetch(`${url}/v1${path}`, {
      method: body ? 'POST' : 'GET',
      headers: { authorization: `Bearer ${apiKey}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    })
  const slowly = () => bed.upstream.reply(() => ({ content: 'one two three four', pauseAfter: 2 }))

  test('ends with its reason on every node, and the run goes on to its end', async () => {
    slowly()
    const { apiKey, projectId } = await bed.newProject()
    const response = await stream(nodes[1], apiKey, '/agent', { message: 'hello', stream: true })
    const runId = response.headers.get('x-stewrd-run')!
    const first = await reading(response)
    const second = await reading(await stream(nodes[1], apiKey, `/agent/${runId}/stream`))
    await bed.server.client.apiKeys.regenerate.mutate({ projectId })
    for (const { text, ended } of [first, second]) {
      await ended
      expect(frames(text()).at(-1)).toMatchObject({ event: 'error', data: { code: 'invalid_api_key' } })
    }
    bed.upstream.release()
    await vi.waitFor(
      async () => expect(await bed.started(runId, { projectId, apiKey })).toMatchObject({ status: 'completed' }),
      {
        timeout: 20_000,
      },
    )
    expect(first.text()).not.toContain('four')
  })

  test('ends a chat completion, and the call of the provider with it', async () => {
    slowly()
    const { apiKey, projectId } = await bed.newProject()
    const body = { model: 'gpt-4o', stream: true, messages: [{ role: 'user', content: 'hello' }] }
    const response = await stream(nodes[1], apiKey, '/chat/completions', body)
    const runId = response.headers.get('x-stewrd-run')!
    const reader = await reading(response)
    await bed.server.client.apiKeys.revoke.mutate({ projectId })
    await reader.ended
    const last = reader.text().trim().split('\n\n').at(-1)!
    expect(JSON.parse(last.replace(/^data: /, ''))).toMatchObject({ error: { code: 'invalid_api_key' } })
    const id = { accountId: bed.tested.platform.accountId, projectId, stream: runStream(runId) }
    await vi.waitFor(
      async () => expect((await bed.tested.platform.store.read(id)).at(-1)!.event.type).toBe('RunCancelled'),
      { timeout: 20_000 },
    )
  })
})

describe('a live tail ends with its session, on every node, and says so', () => {
  const ends: [string, (cookie: string) => Promise<unknown>][] = [
    ['when its person signs out', (cookie) => post('/sign-out', {}, cookie)],
    [
      'when another device ends all others',
      async () => post('/revoke-other-sessions', {}, await signIn(nodes[0], owner)),
    ],
    [
      'when the password is changed elsewhere',
      async () => {
        const cookie = await signIn(nodes[0], owner)
        const [old, fresh] = [owner.password, 'another long password']
        const changed = await post('/change-password', { currentPassword: old, newPassword: fresh }, cookie)
        const next = changed.headers
          .getSetCookie()
          .map((one) => one.split(';', 1)[0]!)
          .join('; ')
        await post('/change-password', { currentPassword: fresh, newPassword: old }, next)
      },
    ],
    [
      'when it expires, which no node is told',
      () => bed.tested.platform.sql`update auth_sessions set expires_at = now()`,
    ],
  ]
  test.each(ends)('%s', async (_name, end) => {
    const cookie = await signIn(nodes[0], owner)
    const tails = await Promise.all(nodes.map((url) => tail(url, cookie)))
    await end(cookie)
    await Promise.all(tails.map(({ ended }) => ended))
    const texts = tails.map(({ text }) => text())
    for (const text of texts) expect(text).toContain('Your session has ended. Sign in again')
    await clientOf(nodes[0], await signIn(nodes[0], owner)).projects.create.mutate({ name: 'After the end' })
    await wait(500)
    expect(tails.map(({ text }) => text())).toEqual(texts)
    const again = await fetch(`${nodes[1]}/trpc/history.tail?input=%7B%7D`, {
      headers: { cookie, accept: 'text/event-stream' },
    })
    expect(await again.text()).toContain('Sign in first')
  })

  test('and one of another session continues', async () => {
    const [mine, other] = await Promise.all([signIn(nodes[0], owner), signIn(nodes[0], owner)])
    const [ending, staying] = await Promise.all([tail(nodes[1], mine), tail(nodes[1], other)])
    await post('/sign-out', {}, mine)
    await ending.ended
    const { projectId } = await clientOf(nodes[0], other).projects.create.mutate({ name: 'Still seen' })
    await vi.waitFor(() => expect(staying.text()).toContain(projectId), { timeout: 10_000 })
    await post('/sign-out', {}, other)
    await staying.ended
  })
})

test('one look serves everything that is open, a look that fails ends nothing, and none is made when nothing is open', async () => {
  const looks: string[][] = []
  let fails = false
  const watch = new RevocationWatch({
    valid: async (keys) => {
      looks.push([...keys])
      if (fails) throw new Error('the database is away')
      return [{ key: 'b' }]
    },
    listen: async () => {},
    onError: () => {},
  })
  fails = true
  const [a, also, b] = [watch.watch('a'), watch.watch('a'), watch.watch('b')]
  watch.poke()
  await vi.waitFor(() => expect(looks.length).toBeGreaterThan(0), { timeout: 10_000 })
  expect(a.ended.aborted).toBe(false)
  fails = false
  await vi.waitFor(() => expect([a, also, b].map(({ ended }) => ended.aborted)).toEqual([true, true, false]), {
    timeout: 10_000,
  })
  expect(looks[0]).toEqual(['a', 'b'])
  for (const one of [a, also, b]) one.close()
  await wait(1_000)
  const made = looks.length
  watch.poke()
  await wait(1_000)
  expect(looks.length).toBe(made)
})
