// A server of its own: what other tests append meanwhile would look like an event in a stream of another project.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Bed } from '../../runs/v1.testing.ts'
import { openBed } from '../../runs/v1.testing.ts'
import { inputs } from '../../trpc/testing/inputs.ts'
import type { Foreign, Owned } from './testing/projects.ts'
import { foreignProjects, newThing, ownedProject } from './testing/projects.ts'
import { idsOfBodies, idsOfProcedures, parametersOfRoutes, procedures } from './testing/reflect.ts'
import type { Condition } from './testing/rows.ts'
import { others, projectRows, thingRows } from './testing/rows.ts'
import type { Sent } from './testing/send.ts'
import { answerOf, call, request } from './testing/send.ts'

let bed: Bed
let mine: Owned
let foreign: Foreign
beforeAll(async () => {
  bed = await openBed()
  mine = await ownedProject(bed)
  await request(bed.server, 'POST /v1/sessions/:id/messages :id', mine.session, mine)
  foreign = await foreignProjects(bed)
})
afterAll(() => bed?.close())

test('every id in an input of a procedure or of /v1, and every parameter of a route, has a row', async () => {
  const found = [...idsOfProcedures(), ...idsOfBodies(), ...(await parametersOfRoutes(bed.tested.platform))]
  const rows = [...Object.keys(projectRows), ...Object.keys(thingRows)]
  expect(found.filter((id) => !others.some(({ is }) => is.test(id))).toSorted()).toEqual(rows.toSorted())
})

test.each(Object.entries(thingRows))(
  '%s of another project is answered like one that does not exist, and nothing is appended',
  async (row, { thing, unknown, malformed }) => {
    const answer = async (id: string) => {
      const sent = await send(row, id)
      return { ...sent, text: sent.text.replaceAll(id, 'ID') }
    }
    const nothing = await answer(randomUUID())
    expect(nothing.code).toBe(unknown)
    const before = await foreignHeads()
    for (const [name, project] of Object.entries(foreign))
      expect({ name, ...(await answer(project[thing])) }).toEqual({ name, ...nothing })
    expect(await foreignHeads()).toEqual(before)
    expect((await answer('no-id')).code).toBe(malformed)
    const own = thing === 'session' && unknown === 'ok' ? mine.session : await newThing(bed, mine, thing)
    await vi.waitFor(async () => expect((await answer(own)).text).not.toEqual(nothing.text), { timeout: 30_000 })
  },
)

const conditions = ['archived', 'shredding', 'shredded', 'unknown', 'malformed'] as const

test.each(Object.entries(projectRows))('%s of a project at rest, or that does not exist', async (row, expected) => {
  const changed = row === 'projects.cancelShred projectId' ? foreign.shredding.projectId : undefined
  const before = await foreignHeads(changed)
  const codes = await Promise.all(
    conditions.map(async (condition) => [condition, (await sendProject(row, condition)).code]),
  )
  expect(Object.fromEntries(codes)).toEqual(expected)
  expect(await foreignHeads(changed)).toEqual(before)
})

/** The heads of all streams of the other projects, but for one. */
const foreignHeads = (but?: string) => {
  const ids = Object.values(foreign).flatMap(({ projectId }) => (projectId === but ? [] : [projectId]))
  return bed.tested.platform.worker`
    select stream, project_id, seq, chain, snapshot from heads where project_id = any(${ids}::uuid[]) order by stream`
}

function send(row: string, id: string): Promise<Sent> {
  const [path, field] = row.split(' ') as [string, string]
  return path in procedures
    ? call(bed.server, path, mine.projectId, { [field]: id })
    : request(bed.server, row, id, mine)
}

async function sendProject(row: string, condition: Condition): Promise<Sent> {
  const [path] = row.split(' ') as [string]
  const project = condition in foreign ? foreign[condition as keyof Foreign] : undefined
  const projectId = project?.projectId ?? (condition === 'unknown' ? randomUUID() : 'no-id')
  if (!(path in procedures)) {
    const to = `${bed.server.url}/api/proof/${projectId}`
    return answerOf(await fetch(to, { headers: { cookie: bed.server.cookie } }))
  }
  const things = {
    runId: project?.run,
    sessionId: project?.session,
    fileId: project?.file,
    deliveryId: project?.delivery,
  }
  const has = inputs[path]!(projectId)
  const own = Object.entries(things).filter(([field, id]) => field in has && id !== undefined)
  return call(bed.server, path, projectId, {
    ...Object.fromEntries(own),
    ...(path === 'runs.list' && { sessionId: undefined }),
  })
}
