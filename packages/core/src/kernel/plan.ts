import { z } from 'zod'
import { Capability } from './capabilities.ts'
import { line } from './text.ts'

/** What the operator lets a project have: its name stands in answers, and runs may use these capabilities alone. */
export const Plan = z.strictObject({
  name: line(40, 'The name of the plan'),
  capabilities: z.array(Capability).min(1).max(20),
})
export type Plan = z.infer<typeof Plan>

/** What a project has for which the operator has set none. */
export const NO_PLAN = 'self-hosted'

export const isInPlan = (plan: Plan | null | undefined, capability: Capability): boolean =>
  !plan || plan.capabilities.includes(capability)

export const saidPlan = (plan: Plan | null) => (plan ? `${plan.name} (${plan.capabilities.join(', ')})` : 'none')
