import type { ProviderRef, SealedKey } from './events.ts'

// Made by the server out of the inputs, after the key was tested and sealed; never parsed from the outside.
export type SetProvider = {
  type: 'SetProvider'
  provider: ProviderRef
  model: string
  key?: SealedKey
  reason?: string
}
/** For `ms` from `now` (unix ms) the old key stays as a fallback. Without: it is replaced for good at once. */
export type Overlap = { ms: number }
export type RotateKey = { type: 'RotateKey'; key: SealedKey; overlap?: Overlap; now?: number; reason?: string }
export type StageKey = { type: 'StageKey'; key: SealedKey; reason?: string }
export type UnstageKey = { type: 'UnstageKey'; fingerprint: string; reason?: string }
/** Puts the staged key into use. */
export type ActivateKey = { type: 'ActivateKey'; fingerprint: string; overlap?: Overlap; now?: number; reason?: string }
export type RollBackKey = { type: 'RollBackKey'; now: number; reason?: string }
/** `early`: somebody asks for it; otherwise only when its time has come. */
export type EndOverlap = { type: 'EndOverlap'; now: number; early: boolean; reason?: string }
export type ChangeModel = { type: 'ChangeModel'; model: string; reason?: string }
export type RemoveProvider = { type: 'RemoveProvider'; reason?: string }

export type LlmCommand =
  | SetProvider
  | RotateKey
  | StageKey
  | UnstageKey
  | ActivateKey
  | RollBackKey
  | EndOverlap
  | ChangeModel
  | RemoveProvider
