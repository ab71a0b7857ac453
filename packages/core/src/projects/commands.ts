import { z } from 'zod'
import { Capability } from '../kernel/capabilities.ts'
import { Reason } from '../kernel/text.ts'
import { ProjectName } from './events.ts'
import { ProjectLimits } from './limits.ts'
import { Plan } from '../kernel/plan.ts'

export const CreateProject = z.strictObject({ type: z.literal('CreateProject'), name: ProjectName })
export const RenameProject = z.strictObject({ type: z.literal('RenameProject'), name: ProjectName })
export const ChangeCapabilities = z.strictObject({
  type: z.literal('ChangeCapabilities'),
  capabilities: z.array(Capability).max(20),
})
export const ChangeLimits = z.strictObject({ type: z.literal('ChangeLimits'), limits: ProjectLimits })
/** The operator's alone. Null: none. */
export const SetPlan = z.strictObject({ type: z.literal('SetPlan'), plan: Plan.nullable() })
export const SwitchDefaultModel = z.strictObject({ type: z.literal('SwitchDefaultModel'), allowed: z.boolean() })
export const ArchiveProject = z.strictObject({ type: z.literal('ArchiveProject') })

/** `dueAt` and `now` are unix milliseconds. */
export const RequestShred = z.strictObject({
  type: z.literal('RequestShred'),
  dueAt: z.int().min(0),
  reason: Reason.optional(),
})
export const CancelShred = z.strictObject({ type: z.literal('CancelShred') })
/** `early`: somebody skips the rest of the delay. */
export const ShredProject = z.strictObject({
  type: z.literal('ShredProject'),
  now: z.int().min(0),
  early: z.boolean(),
})

export const ProjectCommand = z.discriminatedUnion('type', [
  CreateProject,
  RenameProject,
  ChangeCapabilities,
  ChangeLimits,
  SetPlan,
  SwitchDefaultModel,
  ArchiveProject,
  RequestShred,
  CancelShred,
  ShredProject,
])
export type ProjectCommand = z.infer<typeof ProjectCommand>
