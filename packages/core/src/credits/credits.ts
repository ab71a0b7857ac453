import type { Decider } from '../kernel/decider.ts'
import type { StreamId } from '../kernel/execute.ts'
import { CreditsEvent } from './events.ts'

export type CreditsCommand = { type: 'GrantCredits'; amount: number; reason?: string }
/** What was ever granted. What is left of it stands in the ledger. */
export type Credits = { granted: number }

/** One for the account, which stands in the place of a project. */
export const creditsStream = (accountId: string): StreamId => ({ accountId, projectId: accountId, stream: 'credits' })

export const credits: Decider<Credits, CreditsCommand, CreditsEvent> = {
  noun: 'credits',
  stateVersion: 1,
  initial: { granted: 0 },
  event: CreditsEvent,
  decide({ amount, reason }) {
    return [{ type: 'CreditsGranted', version: 1, data: { amount, ...(reason !== undefined && { reason }) } }]
  },
  evolve: (state, { data }) => ({ granted: state.granted + data.amount }),
}
