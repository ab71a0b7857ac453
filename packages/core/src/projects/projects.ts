import { capabilities } from '../kernel/capabilities.ts'
import type { Capability } from '../kernel/capabilities.ts'
import type { Decider } from '../kernel/decider.ts'
import { Refusal } from '../kernel/errors.ts'
import type { ProjectCommand } from './commands.ts'
import { ProjectEvent } from './events.ts'

export type Project =
  | { status: 'none' }
  | { status: 'active' | 'archived'; name: string; capabilities: readonly Capability[] }

export const projectStream = (projectId: string) => `project:${projectId}`

export const projects: Decider<Project, ProjectCommand, ProjectEvent> = {
  noun: 'projects',
  stateVersion: 1,
  initial: { status: 'none' },
  event: ProjectEvent,
  decide(command, state) {
    if (command.type === 'CreateProject') {
      if (state.status !== 'none') throw new Refusal('PROJECT_EXISTS', {})
      // Only what the runtime can do today is switched on; the owner switches on the rest as it arrives.
      return [{ type: 'ProjectCreated', version: 1, data: { name: command.name, capabilities: ['chat'] } }]
    }
    if (state.status === 'none') throw new Refusal('NOT_FOUND', { what: 'project' })
    if (state.status === 'archived') {
      if (command.type === 'ArchiveProject') return []
      throw new Refusal('PROJECT_ARCHIVED', {})
    }
    switch (command.type) {
      case 'RenameProject':
        if (state.name === command.name) return []
        return [{ type: 'ProjectRenamed', version: 1, data: { from: state.name, to: command.name } }]
      case 'ChangeCapabilities': {
        const to = capabilities.filter((c) => command.capabilities.includes(c))
        if (to.join() === state.capabilities.join()) return []
        return [{ type: 'CapabilitiesChanged', version: 1, data: { from: [...state.capabilities], to } }]
      }
      case 'ArchiveProject':
        return [{ type: 'ProjectArchived', version: 1, data: {} }]
      default:
        return command satisfies never
    }
  },
  evolve(state, event) {
    switch (event.type) {
      case 'ProjectCreated':
        return { status: 'active', ...event.data }
      case 'ProjectRenamed':
        return state.status === 'none' ? state : { ...state, name: event.data.to }
      case 'CapabilitiesChanged':
        return state.status === 'none' ? state : { ...state, capabilities: event.data.to }
      case 'ProjectArchived':
        return state.status === 'none' ? state : { ...state, status: 'archived' }
      default:
        return event satisfies never
    }
  },
}
