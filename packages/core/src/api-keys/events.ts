import { z } from 'zod'
import { defineEvent } from '../kernel/event.ts'

/** `hash` is the HMAC of the key in hex: enough to recognise it, nothing to guess from. */
const Key = { keyId: z.uuid(), hash: z.string().regex(/^[0-9a-f]{64}$/) }

export const ApiKeyIssued = defineEvent('ApiKeyIssued', 1, z.strictObject(Key))
export const ApiKeyRegenerated = defineEvent('ApiKeyRegenerated', 1, z.strictObject({ ...Key, replaces: z.uuid() }))
export const ApiKeyRevoked = defineEvent('ApiKeyRevoked', 1, z.strictObject({ keyId: z.uuid() }))

export const ApiKeyEvent = z.discriminatedUnion('type', [ApiKeyIssued, ApiKeyRegenerated, ApiKeyRevoked])
export type ApiKeyEvent = z.infer<typeof ApiKeyEvent>
