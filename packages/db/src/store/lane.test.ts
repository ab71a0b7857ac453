import { projects } from '@stewrd/core/projects/projects.ts'
import { expect, test } from 'vitest'
import { by } from '../testkit/world.ts'
import type { Job } from './job.ts'
import type { Lane } from './lane.ts'
import { nextBatch } from './lane.ts'

const job = (guarded: boolean): Job => ({
  id: { accountId: '', projectId: '', stream: '' },
  decider: projects,
  command: undefined,
  meta: { ...by(), ...(guarded && { guards: [{ stream: 'llm:x', revision: 1 }] }) },
  mac: Buffer.alloc(0),
  settle: () => {},
  fail: () => {},
  conflicts: 0,
  outages: 0,
  since: 0,
  check: false,
  checked: false,
  verdict: undefined,
  sent: [],
})

const lane = (name: string, { guarded = false, solo = false } = {}): Lane => ({
  name,
  jobs: [job(guarded)],
  stage: 'ready',
  solo,
  pauseMs: 0,
})
const lanes = (count: number) => Array.from({ length: count }, (_, i) => lane(String(1000 - i)))
const names = (batch: readonly Lane[]) => batch.map(({ name }) => name)

test.each([
  { ready: 1, flying: 0, size: 1 },
  { ready: 2, flying: 0, size: 2 },
  { ready: 3, flying: 0, size: 2 },
  { ready: 16, flying: 0, size: 8 },
  { ready: 8, flying: 8, size: 8 },
  { ready: 1, flying: 30, size: 1 },
  { ready: 100, flying: 0, size: 50 },
  { ready: 500, flying: 64, size: 64 },
])('$ready that wait while $flying are written: $size of them share the next statement', ({ ready, flying, size }) => {
  const waiting = lanes(ready)
  const { batch, rest } = nextBatch(waiting, flying)
  expect(batch).toHaveLength(size)
  expect(rest).toEqual(waiting.slice(size))
})

test('those that share a statement come in the order of their names, in which their heads are locked', () => {
  expect(
    names(
      nextBatch(
        ['b', 'a', 'c', 'd'].map((name) => lane(name)),
        4,
      ).batch,
    ),
  ).toEqual(['a', 'b', 'c', 'd'])
})

test('guarded ones travel apart, and one that failed for an unclear reason travels alone', () => {
  const mixed = [
    lane('a', { guarded: true }),
    lane('b'),
    lane('c', { guarded: true }),
    lane('d', { solo: true }),
    lane('e'),
  ]
  const first = nextBatch(mixed, 10)
  expect(names(first.batch)).toEqual(['a', 'c'])
  const second = nextBatch(first.rest, 10)
  expect(names(second.batch)).toEqual(['b', 'e'])
  expect(names(nextBatch(second.rest, 10).batch)).toEqual(['d'])
})
