import type { ProjectLimits } from '@stewrd/core/projects/limits.ts'
import { noLimits } from '@stewrd/core/projects/limits.ts'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import type { Bed } from '../runs/v1.testing.ts'
import { answered, openBed } from '../runs/v1.testing.ts'

let bed: Bed
beforeAll(async () => {
  bed = await openBed({ variables: { STEWRD_RATE_LIMIT_PER_MINUTE: '60' } })
})
afterAll(() => bed?.close())
afterEach(() => bed.upstream.release())

type Project = Awaited<ReturnType<Bed['newProject']>>
const ask = ({ apiKey }: Project) => bed.post({ message: 'Hi' }, { apiKey })
const limit = ({ projectId }: Project, limits: Partial<ProjectLimits>) =>
  bed.server.client.projects.changeLimits.mutate({ projectId, limits: { ...noLimits, ...limits } })
const header = (response: Response, name: string) => Number(response.headers.get(name))

test('60 of 100 calls at once pass; the others are told when to come back', async () => {
  const project = await bed.newProject()
  const all = await Promise.all(Array.from({ length: 100 }, () => ask(project)))
  const [passed, refused] = [all.filter((r) => r.status === 200), all.filter((r) => r.status === 429)]
  expect([passed.length, refused.length]).toEqual([60, 40])
  expect(new Set(passed.map((r) => header(r, 'x-ratelimit-limit')))).toEqual(new Set([60]))
  expect(Math.min(...passed.map((r) => header(r, 'x-ratelimit-remaining')))).toBe(0)
  for (const response of refused) {
    expect(header(response, 'retry-after')).toBeGreaterThan(40)
    expect(header(response, 'retry-after')).toBeLessThanOrEqual(61)
    expect(header(response, 'x-ratelimit-remaining')).toBe(0)
    expect(header(response, 'x-ratelimit-reset')).toBe(header(response, 'retry-after'))
  }
  expect(await refused[0]!.json()).toMatchObject({ error: { code: 'rate_limited' } })
})

test('a project has a limit of its own, or none; it is in its history', async () => {
  const project = await bed.newProject()
  await limit(project, { runsPerMinute: 1 })
  expect((await ask(project)).status).toBe(200)
  expect((await ask(project)).status).toBe(429)
  await limit(project, { runsPerMinute: 0 })
  // A node that refuses by itself looks at the limits once a second.
  await vi.waitFor(async () => {
    const response = await ask(project)
    expect([response.status, response.headers.get('x-ratelimit-limit')]).toEqual([200, null])
  }, 5000)
  const { entries } = await bed.server.client.history.list.query({
    projectId: project.projectId,
    types: ['LimitsChanged'],
  })
  expect(entries.map((e) => e.text)).toEqual([
    'changed the limits from 1 runs a minute to any runs a minute',
    "changed the limits from the server's runs a minute to 1 runs a minute",
  ])
})

test('so many runs at once, and room when one has ended', async () => {
  const project = await bed.newProject()
  await limit(project, { runsAtOnce: 3 })
  bed.upstream.hold()
  const held = Array.from({ length: 10 }, () => ask(project))
  const seven = await new Promise<Response[]>((resolve) => {
    const refused: Response[] = []
    for (const call of held) void call.then((r) => r.status === 429 && refused.push(r) === 7 && resolve(refused))
  })
  expect(await seven[0]!.json()).toMatchObject({
    error: { code: 'rate_limited', message: expect.stringContaining('at most 3 agents at once') as string },
  })
  expect(header(seven[0]!, 'retry-after')).toBe(2)
  bed.upstream.release()
  const statuses = (await Promise.all(held)).map((r) => r.status)
  expect(statuses.filter((s) => s === 200)).toHaveLength(3)
  expect((await ask(project)).status).toBe(200)
})

test('a budget warns at four fifths and stops new runs when it is spent, until it is raised', async () => {
  const project = await bed.newProject()
  await limit(project, { monthlyTokens: 1_000_000 })
  expect((await ask(project)).status).toBe(200)
  const usage = () => bed.server.client.projects.usage.query({ projectId: project.projectId })
  const { tokens } = await vi.waitFor(async () => {
    const { month } = await usage()
    expect(month).toMatchObject({ requests: 1, completed: 1 })
    return month
  }, 10_000)
  expect(tokens).toBeGreaterThan(0)
  await limit(project, { monthlyTokens: Math.ceil(tokens / 0.9) })
  expect((await usage()).budgets).toMatchObject([{ what: 'tokens', used: tokens, state: 'warning' }])
  await limit(project, { monthlyTokens: tokens })
  expect((await usage()).budgets).toMatchObject([{ state: 'spent' }])
  // What a budget is judged by may be two seconds old.
  const stopped = await vi.waitFor(async () => {
    const response = await ask(project)
    expect(response.status).toBe(402)
    return response
  }, 5000)
  expect(await stopped.json()).toMatchObject({ error: { code: 'budget_exceeded' } })
  await limit(project, { monthlyTokens: tokens * 100 })
  await vi.waitFor(async () => expect((await answered(ask(project))).message).toBeTruthy(), 5000)
})
