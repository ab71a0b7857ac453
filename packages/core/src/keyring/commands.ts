import type { z } from 'zod'
import type { Epochs, KeyProviderKind, MasterKey } from './events.ts'

export type KeyringCommand =
  | { type: 'AddMasterKey'; key: MasterKey; provider: z.infer<typeof KeyProviderKind> }
  | { type: 'StartMasterKeyRotation'; from: readonly MasterKey[]; to: MasterKey }
  | { type: 'FinishMasterKeyRotation'; values: number; left: number }
  | { type: 'RetireMasterKey'; key: MasterKey }
  | { type: 'StartDataKeyRotation'; projectId: string; to: Epochs }
  | { type: 'FinishDataKeyRotation'; projectId: string }
