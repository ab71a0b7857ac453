import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { Recorded } from '@stewrd/core/kernel/event.ts'
import type { LlmEvent } from '@stewrd/core/llm/events.ts'
import { llm, llmStream } from '@stewrd/core/llm/llm.ts'
import type { ProjectEvent } from '@stewrd/core/projects/events.ts'
import { projects, projectStream } from '@stewrd/core/projects/projects.ts'
import type { ActorLabel } from '../auth/people.ts'
import { actorLabels } from '../auth/people.ts'
import { publicLlm, publicProject, type PublicState } from '../history/public-state.ts'
import { folded } from '../kernel/folded.ts'
import type { Platform } from '../platform.ts'
import { streamOf } from '../projects/project-of.ts'

/** A moment: unix milliseconds (what held then, changes of that millisecond included), or a revision of the model configuration. */
export type Moment = { time: number } | { revision: number }

export type ConfigPart = {
  revision: number
  changedAt: number | null
  changedBy: ActorLabel | null
  state: PublicState
}
/** A project's configuration at a moment, folded from its events. `time` is when the asked moment began. */
export type ConfigAt = { time: number; llm: ConfigPart; project: ConfigPart }
export type ConfigDiff = {
  from: ConfigAt
  to: ConfigAt
  /** `field` is `llm.model`, `project.name`, …; a side is null where the field did not exist. */
  changes: { field: string; from: PublicState[string]; to: PublicState[string] }[]
}

export async function configAt(platform: Platform, projectId: string, moment: Moment): Promise<ConfigAt> {
  return at(platform, await streams(platform, projectId), moment)
}

export async function configDiff(platform: Platform, projectId: string, from: Moment, to: Moment): Promise<ConfigDiff> {
  const read = await streams(platform, projectId)
  const [before, after] = await Promise.all([at(platform, read, from), at(platform, read, to)])
  return { from: before, to: after, changes: [...changed('llm', before, after), ...changed('project', before, after)] }
}

type Streams = { llm: Recorded<LlmEvent>[]; project: Recorded<ProjectEvent>[] }

async function streams(platform: Platform, projectId: string): Promise<Streams> {
  const [llmEvents, project] = await Promise.all([
    platform.store.read(streamOf(platform, projectId, llmStream(projectId))),
    platform.store.read(streamOf(platform, projectId, projectStream(projectId))),
  ])
  return { llm: llmEvents as Recorded<LlmEvent>[], project: project as Recorded<ProjectEvent>[] }
}

async function at(platform: Platform, read: Streams, moment: Moment): Promise<ConfigAt> {
  const time = 'time' in moment ? moment.time : timeOf(read, moment.revision)
  const llmThen = 'time' in moment ? read.llm.filter((r) => r.at <= time) : read.llm.slice(0, moment.revision)
  const projectThen = read.project.filter((r) => r.at <= time)
  const lasts = [llmThen.at(-1), projectThen.at(-1)]
  const label = await actorLabels(
    platform.people,
    lasts.flatMap((last) => (last ? [last.actor] : [])),
  )
  return {
    time,
    llm: part(
      llmThen,
      publicLlm(
        folded(
          llm,
          llmThen.map((r) => r.event),
        ),
      ),
      label,
    ),
    project: part(
      projectThen,
      publicProject(
        folded(
          projects,
          projectThen.map((r) => r.event),
        ),
      ),
      label,
    ),
  }
}

/** Revision 0 is the configuration before anything was set: the project as it was created. */
function timeOf(read: Streams, revision: number): number {
  const event = revision === 0 ? read.project[0] : read.llm[revision - 1]
  if (!event) throw new Refusal('NOT_FOUND', { what: 'revision', id: String(revision) })
  return event.at
}

function part(events: readonly Recorded[], state: PublicState, label: (actor: string) => ActorLabel): ConfigPart {
  const last = events.at(-1)
  return { revision: events.length, changedAt: last?.at ?? null, changedBy: last ? label(last.actor) : null, state }
}

function changed(name: 'llm' | 'project', before: ConfigAt, after: ConfigAt): ConfigDiff['changes'] {
  const [from, to] = [before[name].state, after[name].state]
  return [...new Set([...Object.keys(from), ...Object.keys(to)])]
    .map((field) => ({ field: `${name}.${field}`, from: from[field] ?? null, to: to[field] ?? null }))
    .filter((change) => JSON.stringify(change.from) !== JSON.stringify(change.to))
}
