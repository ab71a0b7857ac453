import type { Capability } from '../kernel/capabilities.ts'
import type { Projection } from '../kernel/projection.ts'
import type { ProjectEvent } from './events.ts'
import { projects } from './projects.ts'

export type ProjectRow = {
  projectId: string
  name: string
  status: 'active' | 'archived'
  capabilities: readonly Capability[]
  revision: number
  createdAt: number
  updatedAt: number
}

/** One row a project, for the list of projects. */
export const projectsView: Projection<ProjectEvent, ProjectRow> = {
  name: 'projects',
  version: 1,
  key: ({ projectId }) => projectId,
  evolve(row, { event, projectId, seq, at }) {
    const state = projects.evolve(row ?? projects.initial, event)
    if (state.status === 'none') return row
    const { name, status, capabilities } = state
    return { projectId, name, status, capabilities, revision: seq, createdAt: row?.createdAt ?? at, updatedAt: at }
  },
}
