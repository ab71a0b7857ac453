import type { z } from 'zod'
import type { CheckMethod, CheckSource } from './events.ts'

/** What a check of a provider key found. Reasons are our own words, never the provider's: providers echo keys. */
export type KeyCheck =
  | { health: 'verified'; method: z.infer<typeof CheckMethod>; latencyMs: number }
  | { health: 'rejected'; status: number; reason: string }
  | { health: 'unreachable'; reason: string }

export type RecordKeyCheck = {
  type: 'RecordKeyCheck'
  fingerprint: string
  source: z.infer<typeof CheckSource>
  check: KeyCheck
  /** Records the check only when the last one of this key found this. */
  onlyAfter?: KeyCheck['health']
}
export type KeyHealthCommand = RecordKeyCheck
