import type { Capability } from '@stewrd/core/kernel/capabilities.ts'
import { capabilities } from '@stewrd/core/kernel/capabilities.ts'
import { capabilityCredits } from '@stewrd/core/runs/wire.ts'
import { available } from '../runs/start-run.ts'

/** `available`: this version of the server can do it. `credits`: what a run with it costs, besides its others. */
export type OfferedCapability = { capability: Capability; enabled: boolean; available: boolean; credits: number }

/** Every capability there is, in one order. */
export const offeredCapabilities = (enabled: readonly Capability[]): OfferedCapability[] =>
  capabilities.map((capability) => ({
    capability,
    enabled: enabled.includes(capability),
    available: available.some((one) => one === capability),
    credits: capabilityCredits[capability],
  }))
