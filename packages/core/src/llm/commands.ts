import type { ProviderRef, SealedKey } from './events.ts'

// Made by the server out of the inputs, after the key was tested and sealed; never parsed from the outside.
export type SetProvider = {
  type: 'SetProvider'
  provider: ProviderRef
  model: string
  key?: SealedKey
  reason?: string
}
export type RotateKey = { type: 'RotateKey'; key: SealedKey; reason?: string }
export type ChangeModel = { type: 'ChangeModel'; model: string; reason?: string }
export type RemoveProvider = { type: 'RemoveProvider'; reason?: string }

export type LlmCommand = SetProvider | RotateKey | ChangeModel | RemoveProvider
