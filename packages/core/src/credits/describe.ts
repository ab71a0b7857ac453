import type { Describe } from '../kernel/sentence.ts'
import { sentence } from '../kernel/sentence.ts'
import type { CreditsEvent } from './events.ts'

export const describeCredits = {
  CreditsGranted: ({ amount }) => sentence`granted ${amount} credits`,
  CreditsPurchased: ({ amount, reference }) => sentence`booked ${amount} credits that were bought (${reference})`,
} satisfies Describe<CreditsEvent>
