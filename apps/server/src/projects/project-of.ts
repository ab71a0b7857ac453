import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { StreamId } from '@stewrd/core/kernel/execute.ts'
import type { Project } from '@stewrd/core/projects/projects.ts'
import { projects, projectStream } from '@stewrd/core/projects/projects.ts'
import type { Platform } from '../platform.ts'

export type KnownProject = Exclude<Project, { status: 'none' }> & { projectId: string; revision: number }

/** The project as of its last event, or NOT_FOUND. */
export async function projectOf(platform: Platform, projectId: string): Promise<KnownProject> {
  const { revision, state } = await platform.store.head(
    projects,
    streamOf(platform, projectId, projectStream(projectId)),
  )
  if (state.status === 'none') throw new Refusal('NOT_FOUND', { what: 'project', id: projectId })
  return { projectId, revision, ...state }
}

/** The project, which must not be archived: PROJECT_ARCHIVED. */
export async function activeProject(platform: Platform, projectId: string): Promise<KnownProject> {
  const project = await projectOf(platform, projectId)
  if (project.status === 'archived') throw new Refusal('PROJECT_ARCHIVED', { projectId })
  return project
}

/** A stream of a project of this account. */
export const streamOf = ({ accountId }: Pick<Platform, 'accountId'>, projectId: string, stream: string): StreamId => ({
  accountId,
  projectId,
  stream,
})
