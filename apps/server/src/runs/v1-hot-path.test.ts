import { Secret } from '@stewrd/crypto/secret.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Answer, Bed } from './v1.testing.ts'
import { keyA, keyB, openBed } from './v1.testing.ts'

let bed: Bed
let upstream: Bed['upstream']
let tested: Bed['tested']
let newProject: Bed['newProject']
let post: Bed['post']
let setKey: Bed['setKey']
beforeAll(async () => {
  bed = await openBed()
  ;({ upstream, tested, newProject, post, setKey } = bed)
})
afterAll(() => bed?.close())

test('between a request and the provider call there is one append, and nothing else', async () => {
  await post({ message: 'warm' })
  const { store } = tested.platform
  const calls: string[] = []
  const before = upstream.seen.length
  const note = (what: string) =>
    calls.push(`${what} ${upstream.seen.length > before ? 'after' : 'before'} the provider`)
  const { execute } = store
  const [lookup, heads] = [store.lookup.bind(store), store.heads.bind(store)]
  Object.assign(store, {
    execute: (...given: Parameters<typeof execute>) => (note('execute'), execute(...given)),
    lookup: (hash: string) => (note('lookup'), lookup(hash)),
    heads: (requests: never) => (note('heads'), heads(requests)),
  })
  await post({ message: 'hot' })
  Object.assign(store, { execute, lookup, heads })
  expect(calls).toEqual(['execute before the provider', 'execute after the provider'])
})

test('of 100 parallel runs with a rotation in the middle, none that starts after the acknowledgement uses the old key', async () => {
  const other = await newProject()
  await post({ message: 'warm' }, other)
  upstream.seen.length = 0
  let acknowledged = Number.POSITIVE_INFINITY
  const asked: Promise<{ startedAfter: boolean; fingerprint: unknown; status: number }>[] = []
  const ask = async () => {
    const startedAfter = performance.now() > acknowledged
    const response = await post({ message: 'x' }, other)
    const { meta } = (await response.json()) as Answer
    return { startedAfter, fingerprint: meta.key_fingerprint, status: response.status }
  }
  let rotating: Promise<void> | undefined
  for (let i = 0; i < 100; i++) {
    asked.push(ask())
    if (i === 40)
      rotating = setKey(other.projectId, keyB).then(() => {
        acknowledged = performance.now()
      })
    // The second half waits for the acknowledgement: at least those must all be on B.
    if (i === 50) await rotating
  }
  const results = await Promise.all(asked)
  expect(results.every((r) => r.status === 200)).toBe(true)
  const late = results.filter((r) => r.startedAfter)
  const fingerprintB = tested.platform.secrets.fingerprint(new Secret(keyB))
  expect(late.length).toBeGreaterThanOrEqual(49)
  expect(late.every((r) => r.fingerprint === fingerprintB)).toBe(true)
  const used = Map.groupBy(upstream.seen, (s) => s.key)
  expect((used.get(keyA)?.length ?? 0) + used.get(keyB)!.length).toBe(100)
  expect(used.get(keyB)!.length).toBe(results.filter((r) => r.fingerprint === fingerprintB).length)
})
