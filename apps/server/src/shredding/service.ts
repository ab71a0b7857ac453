import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { projects, projectStream } from '@stewrd/core/projects/projects.ts'
import type { ShreddedProject } from '@stewrd/db/shredding/shredding.ts'
import { recordedShredding, shreddedProjects } from '@stewrd/db/shredding/shredding.ts'
import { randomUUID } from 'node:crypto'
import { shown } from '../kernel/change.ts'
import type { Platform } from '../platform.ts'
import { projectOf, streamOf } from '../projects/project-of.ts'
import { shredProject } from './shred.ts'

/** So long a project can be taken back. */
export const SHRED_DELAY_MS = 7 * 86_400_000

/**
 * Where the shredding of a project stands; times are unix milliseconds. `destroying`: recorded, and not all is gone yet. `pending`: all is
 * gone here, but master keys that once wrapped its data keys exist, so a backup from before could still be opened with them. `complete`:
 * not even that.
 */
export type Shredding =
  | { state: 'none' }
  | { state: 'requested'; dueAt: number }
  | ({ state: 'destroying' | 'pending' | 'complete' } & Pick<ShreddedProject, 'at' | 'doneAt' | 'heldBy'>)

export type ShredInput = {
  projectId: string
  /** The project's name, as whoever asks has typed it. */
  confirm: string
  /** Without the delay. */
  now: boolean
  reason?: string | undefined
  commandId?: string | undefined
}

/** Asks for the project to be shredded in seven days, or shreds it now. From here on it is at rest: no run, no change. */
export async function requestShredding(
  platform: Platform,
  { projectId, confirm, now, reason, commandId }: ShredInput,
  actor: string,
): Promise<Shredding> {
  const project = await projectOf(platform, projectId)
  if (project.status !== 'shredded') {
    if (confirm !== project.name) throw new Refusal('SHRED_UNCONFIRMED', { projectId })
    const command = {
      type: 'RequestShred' as const,
      dueAt: platform.now() + SHRED_DELAY_MS,
      ...(reason !== undefined && { reason }),
    }
    const stream = streamOf(platform, projectId, projectStream(projectId))
    const meta = { commandId: commandId ?? randomUUID(), actor }
    const { revision } = await platform.store.execute(projects, stream, command, meta)
    if (!now) await shown(platform, stream.stream, revision)
  }
  if (now) await shredProject(platform, projectId, { actor, early: true })
  return shredding(platform, projectId)
}

/** Takes the request back: the project is what it was before. Refused once its keys are destroyed. */
export async function cancelShredding(platform: Platform, projectId: string, actor: string): Promise<Shredding> {
  const stream = streamOf(platform, projectId, projectStream(projectId))
  const meta = { commandId: randomUUID(), actor }
  const { revision } = await platform.store.execute(projects, stream, { type: 'CancelShred' }, meta)
  await shown(platform, stream.stream, revision)
  return shredding(platform, projectId)
}

export async function shredding(platform: Platform, projectId: string): Promise<Shredding> {
  const [shredded] = await shreddedProjects(platform.sql, platform.accountId, projectId)
  if (shredded) return standing(shredded)
  const project = await projectOf(platform, projectId)
  if (project.status === 'shredding') return { state: 'requested', dueAt: project.dueAt }
  const recorded = await recordedShredding(platform.worker, platform.accountId, projectId)
  return recorded ? { state: 'destroying', at: recorded.at, doneAt: null, heldBy: [] } : { state: 'none' }
}

export type ShreddedListItem = { projectId: string } & ReturnType<typeof standing>

export const listShredded = async ({ sql, accountId }: Platform): Promise<ShreddedListItem[]> =>
  (await shreddedProjects(sql, accountId)).map((one) => ({ projectId: one.projectId, ...standing(one) }))

function standing({ at, doneAt, heldBy }: ShreddedProject): Extract<Shredding, { at: number }> {
  const state = doneAt === null ? 'destroying' : heldBy.length > 0 ? 'pending' : 'complete'
  return { state, at, doneAt, heldBy }
}
