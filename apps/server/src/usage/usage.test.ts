import { randomUUID } from 'node:crypto'
import type { RunStartedData } from '@stewrd/core/runs/events.ts'
import { runs, runStream } from '@stewrd/core/runs/runs.ts'
import { plain } from '@stewrd/core/kernel/sentence.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Bed } from '../runs/v1.testing.ts'
import { keyB, openBed } from '../runs/v1.testing.ts'

let bed: Bed
let other: string
beforeAll(async () => {
  bed = await openBed()
  ;({ projectId: other } = await bed.newProject())
})
afterAll(() => bed?.close())

const started: RunStartedData = {
  object: 'agent.response',
  plan: 'self-hosted',
  message: 'Hi',
  files: [],
  tools: [],
  capabilities: ['chat'],
  stream: false,
  sessionId: null,
  requestDigest: null,
  provider: 'custom',
  baseUrl: 'http://127.0.0.1/v1',
  model: 'gpt-4o',
  keySource: 'project',
  configRevision: 1,
  keyFingerprint: 'fp_a',
  credits: 1,
  node: 'a',
  deadline: Date.now() + 600_000,
}

async function ran(over: Partial<RunStartedData>, cost: number | null, projectId = bed.project.projectId) {
  const { accountId, store } = bed.tested.platform
  const stream = { accountId, projectId, stream: runStream(randomUUID()) }
  const by = () => ({ commandId: randomUUID(), actor: 'operator:test' })
  await store.execute(runs, stream, { type: 'StartRun', run: { ...started, ...over } }, by())
  const said = { step: 1, content: '', refusal: null, toolCalls: [], finishReason: 'stop', extra: null, durationMs: 1 }
  const answer = { ...said, tokens: { input: 10, output: 5 }, tokensEstimated: false, costNanoUsd: cost }
  await store.execute(runs, stream, { type: 'CompleteRun', fence: 1, answer, durationMs: 1 }, by())
}

const last = 3_600_000
const report = (
  over: { projectId?: string; by?: 'model' | 'key' | 'project'; from?: number; to?: number; timeZone?: string } = {},
) => bed.server.client.usage.report.query({ from: Date.now() - last, to: Date.now() + 60_000, ...over })
const groups = (buckets: { group: string; runs: number; costNanoUsd: number; unpriced: number }[]) =>
  Object.fromEntries(buckets.map(({ group, runs: n, costNanoUsd, unpriced }) => [group, [n, costNanoUsd, unpriced]]))

test('runs are summed by model, key and project; what has no price is counted, and not taken for free', async () => {
  await ran({}, 100)
  await ran({}, null)
  await ran({ model: 'o1', keyFingerprint: 'fp_b', configRevision: 2 }, 300)
  await ran({ keySource: 'default', keyFingerprint: null }, 7, other)
  const totals = { runs: 4, failed: 0, tokens: 60, costNanoUsd: 407, unpriced: 1 }
  await expect.poll(async () => (await report()).totals, { timeout: 10_000 }).toEqual(totals)
  expect(groups((await report({ by: 'model' })).buckets)).toEqual({ 'gpt-4o': [3, 107, 1], o1: [1, 300, 0] })
  expect(groups((await report({ by: 'key' })).buckets)).toEqual({
    default: [1, 7, 0],
    fp_a: [2, 100, 1],
    fp_b: [1, 300, 0],
  })
  expect(groups((await report({ by: 'project' })).buckets)).toEqual({
    [bed.project.projectId]: [3, 400, 1],
    [other]: [1, 7, 0],
  })
  expect((await report({ projectId: other })).totals.runs).toBe(1)
  expect((await report({ to: Date.now() - last / 2 })).totals.runs).toBe(0)
})

test('buckets are hours of a short time and days of a long one', async () => {
  const hours = await report()
  expect(hours.bucket).toBe('hour')
  for (const { at } of hours.buckets) expect(at % 3_600_000).toBe(0)
  const days = await report({ from: Date.now() - 30 * 86_400_000 })
  expect(days.bucket).toBe('day')
  expect(days.totals).toEqual(hours.totals)
})

test('days are those of the time zone that is asked for, of 23 to 25 hours', async () => {
  const day = async (from: string, to: string, timeZone: string) => {
    const { starts } = await report({ from: Date.parse(from), to: Date.parse(to), timeZone })
    return starts.map((at) => new Date(at).toISOString())
  }
  const autumn = await day('2025-10-31T04:00:00Z', '2025-11-05T05:00:00Z', 'America/New_York')
  expect(autumn).toEqual(
    ['10-31T04', '11-01T04', '11-02T04', '11-03T05', '11-04T05'].map((hour) => `2025-${hour}:00:00.000Z`),
  )
  const spring = await day('2025-03-08T05:00:00Z', '2025-03-12T04:00:00Z', 'America/New_York')
  expect(spring).toEqual(['08T05', '09T05', '10T04', '11T04'].map((hour) => `2025-03-${hour}:00:00.000Z`))
  const here = await report({ from: Date.now() - 30 * 86_400_000, timeZone: 'Asia/Kolkata' })
  for (const { at } of here.buckets) {
    expect(here.starts).toContain(at)
    expect(new Date(at).toISOString()).toMatch(/T18:30:00/)
  }
  expect(here.totals.runs).toBeGreaterThan(0)
  for (const timeZone of ['Nowhere/Land', '+03:00', "x'; --"])
    await expect(report({ timeZone })).rejects.toMatchObject({ data: { code: 'BAD_REQUEST' } })
})

test('a change of the configuration is marked, with what runs cost before and after', async () => {
  const { projectId } = bed.project
  await bed.server.client.llm.rotate.mutate({ projectId, key: keyB })
  await ran({ configRevision: 2 }, 500)
  const marks = async () =>
    (await report({ projectId })).marks.map(({ revision, text, nanoUsdPerRun }) => [
      revision,
      plain(text),
      nanoUsdPerRun,
    ])
  await expect.poll(marks, { timeout: 10_000 }).toEqual([
    [2, expect.stringContaining('key'), { before: 100, after: 400 }],
    [1, expect.stringContaining('gpt-4o'), { before: null, after: 100 }],
  ])
})

test('a project that is not there, and a time that is none, are refused', async () => {
  await expect(report({ projectId: randomUUID() })).rejects.toMatchObject({ data: { code: 'NOT_FOUND' } })
  await expect(report({ from: Date.now() + last })).rejects.toMatchObject({ data: { code: 'BAD_REQUEST' } })
  await expect(report({ from: 0 })).rejects.toMatchObject({ data: { code: 'BAD_REQUEST' } })
})
