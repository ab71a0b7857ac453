import type { Describe } from '../kernel/sentence.ts'
import { sentence } from '../kernel/sentence.ts'
import type { ApiKeyEvent } from './events.ts'

export const describeApiKeys = {
  ApiKeyIssued: () => sentence`issued the project API key`,
  ApiKeyRegenerated: () => sentence`regenerated the project API key; the one before stopped working`,
  ApiKeyRevoked: () => sentence`revoked the project API key`,
} satisfies Describe<ApiKeyEvent>
