import { z } from 'zod'
import { defineEvent } from '../kernel/event.ts'
import { Reason } from '../kernel/text.ts'

export const CreditAmount = z.int().min(1).max(1_000_000_000)

/** Credits that do not expire. The ledger's entry is booked in the statement that appends this. */
export const CreditsGranted = defineEvent(
  'CreditsGranted',
  1,
  z.strictObject({ amount: CreditAmount, reason: Reason.optional() }),
)

export const CreditsEvent = z.discriminatedUnion('type', [CreditsGranted])
export type CreditsEvent = z.infer<typeof CreditsEvent>
