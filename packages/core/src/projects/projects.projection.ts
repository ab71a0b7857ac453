import type { Capability } from '../kernel/capabilities.ts'
import type { Projection } from '../kernel/projection.ts'
import type { ProjectEvent } from './events.ts'
import type { Project } from './projects.ts'
import { projects } from './projects.ts'

export type ProjectRow = {
  projectId: string
  name: string
  status: 'active' | 'archived' | 'shredding'
  /** When it is shredded (unix milliseconds), and what it was before; null unless that was asked for. */
  shred: { dueAt: number; before: 'active' | 'archived' } | null
  capabilities: readonly Capability[]
  revision: number
  createdAt: number
  updatedAt: number
}

/** One row a project, for the list of projects. One that was shredded has none. */
export const projectsView: Projection<ProjectEvent, ProjectRow> = {
  name: 'projects',
  version: 2,
  key: ({ projectId }) => projectId,
  evolve(row, { event, projectId, seq, at }) {
    const state = projects.evolve(row ? stateOf(row) : projects.initial, event)
    if (state.status === 'none') return row
    if (state.status === 'shredded') return undefined
    const { name, status, capabilities } = state
    const shred = status === 'shredding' ? { dueAt: state.dueAt, before: state.before } : null
    const times = { createdAt: row?.createdAt ?? at, updatedAt: at }
    return { projectId, name, status, shred, capabilities, revision: seq, ...times }
  },
}

const stateOf = ({ name, capabilities, status, shred }: ProjectRow): Project =>
  shred
    ? { status: 'shredding', name, capabilities, ...shred }
    : { status: status as 'active' | 'archived', name, capabilities }
