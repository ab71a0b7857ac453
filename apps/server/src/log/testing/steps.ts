import { signerSteps } from '../signer.ts'

/** Every moment between two steps from an append to its anchor, in order. */
export const logSteps = ['appended', 'placed', 'hashed', 'grown', ...signerSteps] as const
export type LogStep = (typeof logSteps)[number]
