import type { Decider } from '../kernel/decider.ts'
import type { StreamId } from '../kernel/execute.ts'
import { CreditsEvent } from './events.ts'

export type CreditsCommand =
  | { type: 'GrantCredits'; amount: number; reason?: string }
  | { type: 'PurchaseCredits'; amount: number; reference: string }
/** What was ever granted and bought. What is left of it stands in the ledger. */
export type Credits = { granted: number; purchased: number }

/** One for the account, which stands in the place of a project. */
export const creditsStream = (accountId: string): StreamId => ({ accountId, projectId: accountId, stream: 'credits' })

export const credits: Decider<Credits, CreditsCommand, CreditsEvent> = {
  noun: 'credits',
  stateVersion: 2,
  initial: { granted: 0, purchased: 0 },
  event: CreditsEvent,
  decide(command) {
    if (command.type === 'PurchaseCredits') {
      const { amount, reference } = command
      return [{ type: 'CreditsPurchased', version: 1, data: { amount, reference } }]
    }
    const { amount, reason } = command
    return [{ type: 'CreditsGranted', version: 1, data: { amount, ...(reason !== undefined && { reason }) } }]
  },
  evolve: (state, { type, data: { amount } }) =>
    type === 'CreditsGranted'
      ? { ...state, granted: state.granted + amount }
      : { ...state, purchased: state.purchased + amount },
}
