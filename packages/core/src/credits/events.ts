import { z } from 'zod'
import { defineEvent } from '../kernel/event.ts'
import { Reason, Reference } from '../kernel/text.ts'

export const CreditAmount = z.int().min(1).max(1_000_000_000)

/** Credits that do not expire. The ledger's entry is booked in the statement that appends this. */
export const CreditsGranted = defineEvent(
  'CreditsGranted',
  1,
  z.strictObject({ amount: CreditAmount, reason: Reason.optional() }),
)

/** Credits that were paid for, which do not expire. Booked as a grant is, once for each reference. */
export const CreditsPurchased = defineEvent(
  'CreditsPurchased',
  1,
  z.strictObject({ amount: CreditAmount, reference: Reference }),
)

export const CreditsEvent = z.discriminatedUnion('type', [CreditsGranted, CreditsPurchased])
export type CreditsEvent = z.infer<typeof CreditsEvent>
