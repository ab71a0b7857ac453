import type { Describe } from '../kernel/sentence.ts'
import { sentence } from '../kernel/sentence.ts'
import type { KeyHealthEvent } from './events.ts'

export const describeKeyHealth = {
  KeyVerified: ({ fingerprint, latencyMs }) =>
    sentence`verified the key ${fingerprint} with the provider in ${latencyMs} ms`,
  KeyRejected: ({ fingerprint, status }) =>
    sentence`saw the provider reject the key ${fingerprint} with HTTP ${status}`,
  KeyUnreachable: ({ fingerprint, reason }) => sentence`could not check the key ${fingerprint}: ${reason}`,
} satisfies Describe<KeyHealthEvent>
