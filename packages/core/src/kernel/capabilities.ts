import { z } from 'zod'

/** What a project's runs may do. `browser` is ours; the others are the wire contract's. */
export const capabilities = ['chat', 'research', 'documents', 'code', 'data', 'files', 'browser'] as const
export const Capability = z.enum(capabilities)
export type Capability = z.infer<typeof Capability>
