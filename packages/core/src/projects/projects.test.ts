import { describe, expect, test } from 'vitest'
import { spec } from '../kernel/spec.testing.ts'
import { CreateProject, ProjectCommand } from './commands.ts'
import type { ProjectEvent } from './events.ts'
import { noLimits } from './limits.ts'
import { projects, projectStream } from './projects.ts'
import { projectsView } from './projects.projection.ts'

const created: ProjectEvent = { type: 'ProjectCreated', version: 1, data: { name: 'Desk', capabilities: ['chat'] } }
const renamed: ProjectEvent = { type: 'ProjectRenamed', version: 1, data: { from: 'Desk', to: 'Help' } }
const changed: ProjectEvent = {
  type: 'CapabilitiesChanged',
  version: 1,
  data: { from: ['chat'], to: ['chat', 'files'] },
}
const archived: ProjectEvent = { type: 'ProjectArchived', version: 1, data: {} }
const given = spec(projects)

test('a new project can chat, and nothing else until its owner says so', () =>
  given().when({ type: 'CreateProject', name: 'Desk' }).then(created))

test('a project is created once', () =>
  given(created).when({ type: 'CreateProject', name: 'Desk' }).thenRefused('PROJECT_EXISTS'))

test('renaming records both names', () => given(created).when({ type: 'RenameProject', name: 'Help' }).then(renamed))

test('renaming to the same name changes nothing', () =>
  given(created).when({ type: 'RenameProject', name: 'Desk' }).then())

test('capabilities are kept in one order and without repetition', () =>
  given(created)
    .when({ type: 'ChangeCapabilities', capabilities: ['files', 'chat', 'files'] })
    .then(changed))

test('falling back to the server’s model is switched on and off, and stays when the project is archived', () => {
  const on: ProjectEvent = { type: 'DefaultModelSwitched', version: 1, data: { allowed: true } }
  given(created).when({ type: 'SwitchDefaultModel', allowed: true }).then(on)
  given(created).when({ type: 'SwitchDefaultModel', allowed: false }).then()
  given(created, on).when({ type: 'SwitchDefaultModel', allowed: true }).then()
  expect(given(created, on, { type: 'ProjectArchived', version: 1, data: {} }).state).toMatchObject({ fallsBack: true })
})

const free = { name: 'free', capabilities: ['chat' as const, 'data' as const] }
const planned: ProjectEvent = { type: 'PlanSet', version: 1, data: { from: null, to: free } }

test('a plan is set, changed and taken away, and stays when the project is archived', () => {
  given(created)
    .when({ type: 'SetPlan', plan: { name: 'free', capabilities: ['data', 'chat', 'data'] } })
    .then(planned)
  given(created, planned).when({ type: 'SetPlan', plan: free }).then()
  given(created).when({ type: 'SetPlan', plan: null }).then()
  const taken: ProjectEvent = { type: 'PlanSet', version: 1, data: { from: free, to: null } }
  given(created, planned).when({ type: 'SetPlan', plan: null }).then(taken)
  expect(given(created, planned, taken).state).not.toHaveProperty('plan')
  const archived: ProjectEvent = { type: 'ProjectArchived', version: 1, data: {} }
  expect(given(created, planned, archived).state).toMatchObject({ plan: free })
})

test('what a plan does not have cannot be switched on; what was on before can stay', () => {
  given(created, planned)
    .when({ type: 'ChangeCapabilities', capabilities: ['chat', 'files'] })
    .thenRefused('PLAN_RESTRICTED')
  const before: ProjectEvent = {
    type: 'CapabilitiesChanged',
    version: 1,
    data: { from: ['chat'], to: ['chat', 'files'] },
  }
  const after: ProjectEvent = {
    type: 'CapabilitiesChanged',
    version: 1,
    data: { from: ['chat', 'files'], to: ['chat', 'data', 'files'] },
  }
  given(created, before, planned)
    .when({ type: 'ChangeCapabilities', capabilities: ['chat', 'files', 'data'] })
    .then(after)
})

test('the same capabilities in another order change nothing', () =>
  given(created, changed)
    .when({ type: 'ChangeCapabilities', capabilities: ['files', 'chat'] })
    .then())

test('all capabilities can be switched off', () =>
  given(created)
    .when({ type: 'ChangeCapabilities', capabilities: [] })
    .then({ type: 'CapabilitiesChanged', version: 1, data: { from: ['chat'], to: [] } }))

test('archiving', () => given(created).when({ type: 'ArchiveProject' }).then(archived))

test('archiving twice changes nothing', () => given(created, archived).when({ type: 'ArchiveProject' }).then())

const changes = [
  { type: 'RenameProject', name: 'Help' },
  { type: 'ChangeCapabilities', capabilities: ['chat'] },
] as const
test.each(changes)('an archived project refuses $type', (command) =>
  given(created, archived)
    .when({ ...command } as ProjectCommand)
    .thenRefused('PROJECT_ARCHIVED'),
)
test('an archived project is not created anew', () =>
  given(created, archived).when({ type: 'CreateProject', name: 'Desk' }).thenRefused('PROJECT_EXISTS'))

test.each([...changes, { type: 'ArchiveProject' } as const])('a project that does not exist refuses $type', (command) =>
  given()
    .when({ ...command } as ProjectCommand)
    .thenRefused('NOT_FOUND', { what: 'project' }),
)

test('what happened folds to the project of now; without a creation there is none', () => {
  expect(given(created, renamed, changed, archived).state).toEqual({
    status: 'archived',
    name: 'Help',
    capabilities: ['chat', 'files'],
  })
  expect(given(renamed, changed, archived).state).toEqual(projects.initial)
})

const limits = { ...noLimits, runsPerMinute: 10, monthlyTokens: 5, openSessions: 3 }
test('limits are changed as a whole, with both sides on record; the same ones change nothing', () => {
  const limited: ProjectEvent = { type: 'LimitsChanged', version: 2, data: { from: noLimits, to: limits } }
  given(created).when({ type: 'ChangeLimits', limits }).then(limited)
  given(created, limited).when({ type: 'ChangeLimits', limits }).then()
  given(created).when({ type: 'ChangeLimits', limits: noLimits }).then()
  expect(given(created, limited, archived).state).toMatchObject({ status: 'archived', limits })
})

test('a name is one trimmed line of 1 to 80 characters', () => {
  const name = (text: unknown) => CreateProject.safeParse({ type: 'CreateProject', name: text })
  expect(name('  Desk ').data?.name).toBe('Desk')
  expect(name('x'.repeat(80)).success).toBe(true)
  for (const bad of ['', '   ', 'x'.repeat(81), 'a\nb', 'a\u0000b', 'a\u0085b', 7, null])
    expect(name(bad).success, JSON.stringify(bad)).toBe(false)
})

test('a command with a field that nobody declared is refused', () =>
  expect(ProjectCommand.safeParse({ type: 'ArchiveProject', force: true }).success).toBe(false))

test('the list shows each project with its newest name and revision', () => {
  const logged = (event: ProjectEvent, seq: number) => ({
    event,
    seq,
    index: seq,
    at: seq * 10,
    accountId: 'acc',
    projectId: 'p',
    stream: projectStream('p'),
    eventId: `e${seq}`,
    actor: 'user:1',
  })
  const fold = (...events: ProjectEvent[]) =>
    events
      .map((e, i) => logged(e, i + 1))
      .reduce<ReturnType<typeof projectsView.evolve>>(projectsView.evolve, undefined)
  expect(projectsView.key(logged(created, 1))).toBe('p')
  expect(fold(created, renamed, changed, archived)).toEqual({
    projectId: 'p',
    name: 'Help',
    status: 'archived',
    shred: null,
    capabilities: ['chat', 'files'],
    revision: 4,
    createdAt: 10,
    updatedAt: 40,
  })
  expect(fold(renamed)).toBeUndefined()
})

describe('shredding', () => {
  const dueAt = 1_000
  const requested: ProjectEvent = { type: 'ProjectShredRequested', version: 1, data: { dueAt } }
  const cancelled: ProjectEvent = { type: 'ProjectShredCancelled', version: 1, data: {} }
  const shredded: ProjectEvent = { type: 'ProjectShredded', version: 1, data: {} }
  const shred = (now: number, early = false) => ({ type: 'ShredProject', now, early }) as const

  test('is asked for, once, of a project that is active or archived', () => {
    given(created).when({ type: 'RequestShred', dueAt }).then(requested)
    given(created, archived)
      .when({ type: 'RequestShred', dueAt, reason: 'gone' })
      .then({ ...requested, data: { dueAt, reason: 'gone' } })
    given(created, requested).when({ type: 'RequestShred', dueAt: 5 }).then()
    expect(given(created, requested).state).toMatchObject({ status: 'shredding', dueAt, before: 'active' })
  })

  test('leaves the project at rest until its time', () => {
    for (const command of [...changes, { type: 'ArchiveProject' } as const])
      given(created, requested)
        .when({ ...command } as ProjectCommand)
        .thenRefused('PROJECT_SHREDDING', { dueAt })
    given(created, requested)
      .when(shred(dueAt - 1))
      .thenRefused('SHRED_NOT_DUE', { dueAt })
  })

  test('can be cancelled until then, and the project is what it was', () => {
    given(created, requested).when({ type: 'CancelShred' }).then(cancelled)
    given(created).when({ type: 'CancelShred' }).then()
    expect(given(created, requested, cancelled).state).toEqual(given(created).state)
    expect(given(created, archived, requested, cancelled).state).toEqual(given(created, archived).state)
  })

  test('happens at its time, or early on demand, once and for good', () => {
    given(created, requested).when(shred(dueAt)).then(shredded)
    given(created, requested).when(shred(0, true)).then(shredded)
    given(created, requested, shredded).when(shred(0)).then()
    given(created).when(shred(0, true)).thenRefused('SHRED_NOT_REQUESTED')
    for (const command of [...changes, { type: 'RequestShred', dueAt }, { type: 'CancelShred' }] as const)
      given(created, requested, shredded)
        .when({ ...command } as ProjectCommand)
        .thenRefused('PROJECT_SHREDDED')
  })

  test('shows in the list until it is done', () => {
    const fold = (...events: ProjectEvent[]) =>
      events.reduce<ReturnType<typeof projectsView.evolve>>(
        (row, event, i) =>
          projectsView.evolve(row, { event, seq: i + 1, at: 0, projectId: 'p' } as Parameters<
            typeof projectsView.evolve
          >[1]),
        undefined,
      )
    expect(fold(created, archived, requested)).toMatchObject({
      status: 'shredding',
      shred: { dueAt, before: 'archived' },
    })
    expect(fold(created, archived, requested, cancelled)).toMatchObject({ status: 'archived', shred: null })
    expect(fold(created, requested, shredded)).toBeUndefined()
  })
})
