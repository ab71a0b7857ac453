import { randomBytes } from 'node:crypto'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { uuidv7 } from '@stewrd/core/kernel/ids.ts'
import type { ProjectCommand } from '@stewrd/core/projects/commands.ts'
import type { Capability } from '@stewrd/core/kernel/capabilities.ts'
import { projects, projectStream } from '@stewrd/core/projects/projects.ts'
import { issueApiKey } from '../api-keys/service.ts'
import type { Change } from '../kernel/change.ts'
import { metaOf, shown } from '../kernel/change.ts'
import type { Platform } from '../platform.ts'
import type { KnownProject } from './project-of.ts'
import { streamOf } from './project-of.ts'

/** `apiKey` is shown this once. It is null when a repeated request finds that the key was given out already. */
export type CreatedProject = { projectId: string; name: string; revision: number; apiKey: string | null }
export type ProjectChange = {
  projectId: string
  revision: number
  changed: boolean
  name: string
  status: KnownProject['status']
  capabilities: readonly Capability[]
}

/** Makes a project and its API key. Repeated with the same command id it finishes what was begun, and makes no second project. */
export async function createProject(
  platform: Platform,
  { name, commandId }: { name: string } & Change,
  actor: string,
): Promise<CreatedProject> {
  const meta = metaOf({ commandId }, actor)
  const before = commandId === undefined ? undefined : await platform.store.findCommand(platform.accountId, commandId)
  const projectId = before ? idOf(before.stream, meta.commandId) : uuidv7(platform.now(), randomBytes(10))
  const stream = streamOf(platform, projectId, projectStream(projectId))
  const command = { type: 'CreateProject', name } as const
  const outcome = await platform.store.execute(projects, stream, command, meta).catch((error: unknown) => {
    // The same request at the same moment was faster, with an id of its own: then that project is this one.
    if (error instanceof Refusal && error.code === 'COMMAND_REUSED' && !before) return undefined
    throw error
  })
  if (!outcome) return createProject(platform, { name, commandId }, actor)
  const { revision } = outcome
  const apiKey = await issueApiKey(platform, projectId, actor)
  await shown(platform, stream.stream, revision)
  return { projectId, name, revision, apiKey }
}

/** Renames, archives, or changes what runs may do. */
export async function changeProject(
  platform: Platform,
  projectId: string,
  command: Extract<
    ProjectCommand,
    {
      type:
        | 'RenameProject'
        | 'ChangeCapabilities'
        | 'ChangeLimits'
        | 'SetPlan'
        | 'SwitchDefaultModel'
        | 'ArchiveProject'
    }
  >,
  change: Change,
  actor: string,
): Promise<ProjectChange> {
  const stream = streamOf(platform, projectId, projectStream(projectId))
  const { revision, state, events } = await platform.store
    .execute(projects, stream, command, metaOf(change, actor))
    .catch((error: unknown) => {
      throw named(error, projectId)
    })
  await shown(platform, stream.stream, revision)
  if (state.status === 'none') throw new Refusal('NOT_FOUND', { what: 'project', id: projectId })
  const { name, status, capabilities } = state
  return { projectId, revision, changed: events.length > 0, name, status, capabilities }
}

/** The decider does not know the id of its own stream; the person who reads the refusal should. */
function named(error: unknown, projectId: string): unknown {
  if (!(error instanceof Refusal)) return error
  if (error.code === 'PROJECT_SHREDDED') return new Refusal('PROJECT_SHREDDED', { projectId }, { cause: error })
  if (error.code === 'PROJECT_ARCHIVED') return new Refusal('PROJECT_ARCHIVED', { projectId }, { cause: error })
  if (error.code === 'NOT_FOUND') return new Refusal('NOT_FOUND', { what: 'project', id: projectId }, { cause: error })
  return error
}

function idOf(stream: string, commandId: string): string {
  const prefix = projectStream('')
  if (!stream.startsWith(prefix)) throw new Refusal('COMMAND_REUSED', { commandId })
  return stream.slice(prefix.length)
}
