import type { Describe } from '../kernel/sentence.ts'
import { sentence } from '../kernel/sentence.ts'
import type { ProjectEvent } from './events.ts'
import { saidLimits } from './limits.ts'
import { saidPlan } from '../kernel/plan.ts'

export const describeProjects = {
  ProjectCreated: ({ name }) => sentence`created the project ${name}`,
  ProjectRenamed: ({ from, to }) => sentence`renamed the project from ${from} to ${to}`,
  CapabilitiesChanged: ({ from, to }) =>
    sentence`changed the capabilities from ${from.join(', ') || 'none'} to ${to.join(', ') || 'none'}`,
  LimitsChanged: ({ from, to }) => sentence`changed the limits from ${saidLimits(from, to)} to ${saidLimits(to, from)}`,
  PlanSet: ({ from, to }) => sentence`changed the plan from ${saidPlan(from)} to ${saidPlan(to)}`,
  DefaultModelSwitched: ({ allowed }) =>
    allowed
      ? sentence`let runs go on with the server’s model when the provider fails`
      : sentence`let runs end when the provider fails`,
  ProjectArchived: () => sentence`archived the project`,
  ProjectShredRequested: ({ dueAt }) =>
    sentence`asked for the project to be shredded at ${new Date(dueAt).toISOString()}`,
  ProjectShredCancelled: () => sentence`cancelled the shredding of the project`,
  ProjectShredded: () => sentence`shredded the project: its keys are destroyed`,
} satisfies Describe<ProjectEvent>
