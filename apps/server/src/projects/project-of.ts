import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { StreamId } from '@stewrd/core/kernel/execute.ts'
import type { Project } from '@stewrd/core/projects/projects.ts'
import { projects, projectStream, refuseUnlessActive } from '@stewrd/core/projects/projects.ts'
import type { Platform } from '../platform.ts'

export type KnownProject = Exclude<Project, { status: 'none' }> & { projectId: string; revision: number }

/** What is shown where the name of a shredded project was. */
const SHREDDED_NAME = 'Shredded project'

/** The project as of its last event, or NOT_FOUND. One that was shredded has no name and no capabilities any more. */
export async function projectOf(platform: Platform, projectId: string): Promise<KnownProject> {
  const stream = streamOf(platform, projectId, projectStream(projectId))
  const head = await platform.store.head(projects, stream).catch(shreddedHead)
  const { revision, state } = head
  if (state.status === 'none') throw new Refusal('NOT_FOUND', { what: 'project', id: projectId })
  return { projectId, revision, ...state }
}

function shreddedHead(error: unknown) {
  if (!(error instanceof Refusal && error.code === 'PROJECT_SHREDDED')) throw error
  return { revision: 0, state: { status: 'shredded', name: SHREDDED_NAME, capabilities: [] } as const }
}

/** The project, which must be in use: neither archived nor shredded. */
export async function activeProject(platform: Platform, projectId: string): Promise<KnownProject> {
  const project = await projectOf(platform, projectId)
  refuseUnlessActive(project, projectId)
  return project
}

/** A stream of a project of this account. */
export const streamOf = ({ accountId }: Pick<Platform, 'accountId'>, projectId: string, stream: string): StreamId => ({
  accountId,
  projectId,
  stream,
})
