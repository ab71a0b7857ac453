import type { Capability } from '@stewrd/core/kernel/capabilities.ts'
import { capabilities } from '@stewrd/core/kernel/capabilities.ts'
import { capabilityCredits } from '@stewrd/core/runs/wire.ts'
import { isInPlan } from '@stewrd/core/kernel/plan.ts'
import type { KnownProject } from './project-of.ts'
import { available } from '../runs/start-run.ts'

/** `available`: this version of the server can do it. `inPlan`: the project's plan has it. `credits`: what a run with it costs, besides its others. */
export type OfferedCapability = {
  capability: Capability
  enabled: boolean
  available: boolean
  inPlan: boolean
  credits: number
}

/** Every capability there is, in one order. */
export const offeredCapabilities = ({
  capabilities: enabled,
  plan,
}: Pick<KnownProject, 'capabilities' | 'plan'>): OfferedCapability[] =>
  capabilities.map((capability) => ({
    capability,
    enabled: enabled.includes(capability),
    available: available.some((one) => one === capability),
    inPlan: isInPlan(plan, capability),
    credits: capabilityCredits[capability],
  }))
