import { randomUUID } from 'node:crypto'
import { addDeliveries } from '@stewrd/db/webhooks/deliveries.ts'
import { vi } from 'vitest'
import type { Bed } from '../../../runs/v1.testing.ts'
import type { Thing } from './rows.ts'

export type Owned = { projectId: string; apiKey: string } & Record<Thing, string>
/** Projects of others than the caller: `active` is one that is in use. */
export type Foreign = Record<'active' | 'archived' | 'shredding' | 'shredded', Owned>

const tool = { name: 'look', description: 'Looks', parameters: { type: 'object' } }

/** A project with a thing of each kind: its run waits for tool outputs. */
export async function ownedProject(bed: Bed): Promise<Owned> {
  const { projectId, apiKey } = await bed.newProject()
  const things = await Promise.all((['run', 'session', 'file', 'delivery'] as const).map(make))
  const [run, session, file, delivery] = things as [string, string, string, string]
  return { projectId, apiKey, run, session, file, delivery }

  function make(thing: Thing): Promise<string> {
    return newThing(bed, { projectId, apiKey }, thing)
  }
}

/** Another one of a kind. Returns its id. */
export async function newThing(
  { upstream, server, post, tested: { platform } }: Bed,
  { projectId, apiKey }: { projectId: string; apiKey: string },
  thing: Thing,
): Promise<string> {
  const authorization = `Bearer ${apiKey}`
  const idOf = async (response: Promise<Response>) => ((await (await response).json()) as { id: string }).id
  switch (thing) {
    case 'run':
      upstream.reply(() => ({ toolCalls: [{ name: 'look', arguments: '{}' }] }))
      return idOf(post({ message: 'Hi', tools: [tool] }, { apiKey })).finally(() => upstream.reply(undefined))
    case 'session':
      return idOf(fetch(`${server.url}/v1/sessions`, { method: 'POST', headers: { authorization } }))
    case 'file': {
      const body = new FormData()
      body.append('file', new Blob(['a text']), 'notes.txt')
      return idOf(fetch(`${server.url}/v1/files`, { method: 'POST', headers: { authorization }, body }))
    }
    case 'delivery': {
      const id = randomUUID()
      await addDeliveries(platform.sql, platform.accountId, [{ id, projectId, event: 'webhook.test', source: null }])
      return id
    }
    default:
      return thing satisfies never
  }
}

/** The projects of others, each with a thing of each kind from before it was put at rest. */
export async function foreignProjects(bed: Bed): Promise<Foreign> {
  const { projects } = bed.server.client
  const [active, archived, shredding, shredded] = [
    await ownedProject(bed),
    await ownedProject(bed),
    await ownedProject(bed),
    await ownedProject(bed),
  ]
  await projects.archive.mutate({ projectId: archived.projectId })
  await projects.shred.mutate({ projectId: shredding.projectId, confirm: 'Runs' })
  await projects.shred.mutate({ projectId: shredded.projectId, confirm: 'Runs', now: true })
  await vi.waitFor(
    async () => {
      const { state } = await projects.shredding.query({ projectId: shredded.projectId })
      if (state === 'none' || state === 'requested') throw new Error(`the project is not shredded yet: ${state}`)
    },
    { timeout: 30_000, interval: 100 },
  )
  return { active, archived, shredding, shredded }
}
