import { capabilities } from '../kernel/capabilities.ts'
import type { Capability } from '../kernel/capabilities.ts'
import type { Decider } from '../kernel/decider.ts'
import { Refusal } from '../kernel/errors.ts'
import type { ProjectCommand } from './commands.ts'
import { ProjectEvent } from './events.ts'
import type { ProjectLimits } from './limits.ts'
import { noLimits } from './limits.ts'
import type { Plan } from '../kernel/plan.ts'
import { isInPlan } from '../kernel/plan.ts'

export type Project =
  | { status: 'none' }
  | (About & { status: 'active' | 'archived' | 'shredded' })
  | (About & {
      /** At rest until `dueAt` (unix milliseconds); cancelled, it is what it was `before`. */
      status: 'shredding'
      dueAt: number
      before: 'active' | 'archived'
    })

/** `limits` and `plan` are absent while nobody has set any. `fallsBack`: runs may go on with the server's model when the provider fails. */
type About = {
  name: string
  capabilities: readonly Capability[]
  limits?: ProjectLimits
  plan?: Plan
  fallsBack?: boolean
}

type Known = Exclude<Project, { status: 'none' }>
type ShredCommand = Extract<ProjectCommand, { type: 'RequestShred' | 'CancelShred' | 'ShredProject' }>

export const projectStream = (projectId: string) => `project:${projectId}`

/** Events that change what a command replaces. Whether the project may still be changed is for `decide` to say. */
function replacedBy(type: ProjectCommand['type']): readonly ProjectEvent['type'][] {
  switch (type) {
    case 'CreateProject':
      return ['ProjectCreated']
    case 'RenameProject':
      return ['ProjectRenamed']
    case 'ChangeCapabilities':
      return ['CapabilitiesChanged', 'PlanSet']
    case 'ChangeLimits':
      return ['LimitsChanged']
    case 'SetPlan':
      return ['PlanSet']
    case 'SwitchDefaultModel':
      return ['DefaultModelSwitched']
    case 'ArchiveProject':
    case 'RequestShred':
    case 'CancelShred':
    case 'ShredProject':
      return ['ProjectArchived', 'ProjectShredRequested', 'ProjectShredCancelled', 'ProjectShredded']
    default:
      return type satisfies never
  }
}

export const projects: Decider<Project, ProjectCommand, ProjectEvent> = {
  noun: 'projects',
  stateVersion: 3,
  initial: { status: 'none' },
  event: ProjectEvent,
  // The time at which somebody asks is no part of what is asked.
  identity: (command) =>
    command.type === 'RequestShred' || command.type === 'ShredProject' ? { type: command.type } : command,
  conflictsWith: (command, event) => replacedBy(command.type).includes(event.type),
  decide(command, state) {
    if (command.type === 'CreateProject') {
      if (state.status !== 'none') throw new Refusal('PROJECT_EXISTS', {})
      // Only what the runtime can do today is switched on; the owner switches on the rest as it arrives.
      return [{ type: 'ProjectCreated', version: 1, data: { name: command.name, capabilities: ['chat'] } }]
    }
    if (state.status === 'none') throw new Refusal('NOT_FOUND', { what: 'project' })
    if (isShredCommand(command)) return decideShred(command, state)
    if (state.status === 'archived' && command.type === 'ArchiveProject') return []
    refuseUnlessActive(state)
    switch (command.type) {
      case 'RenameProject':
        if (state.name === command.name) return []
        return [{ type: 'ProjectRenamed', version: 1, data: { from: state.name, to: command.name } }]
      case 'ChangeCapabilities': {
        const to = capabilities.filter((c) => command.capabilities.includes(c))
        if (to.join() === state.capabilities.join()) return []
        const capability = to.find((c) => !isInPlan(state.plan, c) && !state.capabilities.includes(c))
        if (capability) throw new Refusal('PLAN_RESTRICTED', { plan: state.plan!.name, capability })
        return [{ type: 'CapabilitiesChanged', version: 1, data: { from: [...state.capabilities], to } }]
      }
      case 'ChangeLimits': {
        const { limits: to } = command
        const from = state.limits ?? noLimits
        if (sameLimits(from, to)) return []
        return [{ type: 'LimitsChanged', version: 2, data: { from, to } }]
      }
      case 'SetPlan': {
        const [from, to] = [state.plan ?? null, ordered(command.plan)]
        if (JSON.stringify(from) === JSON.stringify(to)) return []
        return [{ type: 'PlanSet', version: 1, data: { from, to } }]
      }
      case 'SwitchDefaultModel': {
        const { allowed } = command
        if (allowed === (state.fallsBack ?? false)) return []
        return [{ type: 'DefaultModelSwitched', version: 1, data: { allowed } }]
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
      case 'LimitsChanged':
        return state.status === 'none' ? state : { ...state, limits: event.data.to }
      case 'PlanSet': {
        if (state.status === 'none') return state
        const { plan: _, ...without } = state
        return event.data.to ? { ...without, plan: event.data.to } : without
      }
      case 'DefaultModelSwitched':
        return state.status === 'none' ? state : { ...state, fallsBack: event.data.allowed }
      case 'ProjectArchived':
        return state.status === 'none' ? state : { ...bare(state), status: 'archived' }
      case 'ProjectShredRequested':
        if (state.status !== 'active' && state.status !== 'archived') return state
        return { ...state, status: 'shredding', before: state.status, dueAt: event.data.dueAt }
      case 'ProjectShredCancelled':
        return state.status === 'shredding' ? { ...bare(state), status: state.before } : state
      case 'ProjectShredded':
        return state.status === 'none' ? state : { ...bare(state), status: 'shredded' }
      default:
        return event satisfies never
    }
  },
}

/** Throws the refusal that says why a project cannot be changed or used now. */
export function refuseUnlessActive(state: Known, projectId?: string): void {
  const id = projectId === undefined ? {} : { projectId }
  if (state.status === 'archived') throw new Refusal('PROJECT_ARCHIVED', id)
  if (state.status === 'shredding') throw new Refusal('PROJECT_SHREDDING', { ...id, dueAt: state.dueAt })
  if (state.status === 'shredded') throw new Refusal('PROJECT_SHREDDED', id)
}

const isShredCommand = (command: ProjectCommand): command is ShredCommand =>
  command.type === 'RequestShred' || command.type === 'CancelShred' || command.type === 'ShredProject'

function decideShred(command: ShredCommand, state: Known): readonly ProjectEvent[] {
  if (state.status === 'shredded') {
    if (command.type === 'ShredProject') return []
    throw new Refusal('PROJECT_SHREDDED', {})
  }
  switch (command.type) {
    case 'RequestShred': {
      if (state.status === 'shredding') return []
      const { dueAt, reason } = command
      return [{ type: 'ProjectShredRequested', version: 1, data: { dueAt, ...(reason !== undefined && { reason }) } }]
    }
    case 'CancelShred':
      return state.status === 'shredding' ? [{ type: 'ProjectShredCancelled', version: 1, data: {} }] : []
    case 'ShredProject':
      if (state.status !== 'shredding') throw new Refusal('SHRED_NOT_REQUESTED', {})
      if (!command.early && command.now < state.dueAt) throw new Refusal('SHRED_NOT_DUE', { dueAt: state.dueAt })
      return [{ type: 'ProjectShredded', version: 1, data: {} }]
    default:
      return command satisfies never
  }
}

const bare = ({ name, capabilities, limits, plan, fallsBack }: Known) => ({
  name,
  capabilities,
  ...(limits && { limits }),
  ...(plan && { plan }),
  ...(fallsBack && { fallsBack }),
})

/** In the one order of capabilities, each once. */
const ordered = (plan: Plan | null): Plan | null =>
  plan && { name: plan.name, capabilities: capabilities.filter((c) => plan.capabilities.includes(c)) }

const sameLimits = (a: ProjectLimits, b: ProjectLimits) =>
  (Object.keys(noLimits) as (keyof ProjectLimits)[]).every((name) => a[name] === b[name])
