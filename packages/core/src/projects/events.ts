import { z } from 'zod'
import { Capability } from '../kernel/capabilities.ts'
import { defineEvent } from '../kernel/event.ts'
import { line, Reason } from '../kernel/text.ts'
import { ProjectLimits } from './limits.ts'
import { Plan } from '../kernel/plan.ts'

export const ProjectName = line(80, 'The project name')

export const ProjectCreated = defineEvent(
  'ProjectCreated',
  1,
  z.strictObject({ name: ProjectName, capabilities: z.array(Capability) }),
)
export const ProjectRenamed = defineEvent('ProjectRenamed', 1, z.strictObject({ from: ProjectName, to: ProjectName }))
export const CapabilitiesChanged = defineEvent(
  'CapabilitiesChanged',
  1,
  z.strictObject({ from: z.array(Capability), to: z.array(Capability) }),
)
export const ProjectArchived = defineEvent('ProjectArchived', 1, z.strictObject({}))

/** Null: no plan, so nothing is kept from it. */
export const PlanSet = defineEvent('PlanSet', 1, z.strictObject({ from: Plan.nullable(), to: Plan.nullable() }))

export const LimitsChanged = defineEvent('LimitsChanged', 2, z.strictObject({ from: ProjectLimits, to: ProjectLimits }))

/** Whether runs may go on with the server's own model when the project's provider fails. */
export const DefaultModelSwitched = defineEvent('DefaultModelSwitched', 1, z.strictObject({ allowed: z.boolean() }))

/** From here on the project is at rest, and is shredded at `dueAt` (unix milliseconds) unless that is cancelled. */
export const ProjectShredRequested = defineEvent(
  'ProjectShredRequested',
  1,
  z.strictObject({ dueAt: z.int().min(0), reason: Reason.optional() }),
)
export const ProjectShredCancelled = defineEvent('ProjectShredCancelled', 1, z.strictObject({}))
/** The project's keys are destroyed after this. It holds nothing: its type is all that can be read of it then. */
export const ProjectShredded = defineEvent('ProjectShredded', 1, z.strictObject({}))

export const ProjectEvent = z.discriminatedUnion('type', [
  ProjectCreated,
  ProjectRenamed,
  CapabilitiesChanged,
  ProjectArchived,
  LimitsChanged,
  PlanSet,
  DefaultModelSwitched,
  ProjectShredRequested,
  ProjectShredCancelled,
  ProjectShredded,
])
export type ProjectEvent = z.infer<typeof ProjectEvent>
