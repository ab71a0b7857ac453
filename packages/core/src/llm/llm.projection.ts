import type { Projection } from '../kernel/projection.ts'
import type { LlmEvent, ProviderRef } from './events.ts'

export type LlmRow = {
  projectId: string
  provider: ProviderRef
  model: string
  keyFingerprint: string
  keySetAt: number
  keySetBy: string
  /** Of the key before, to which a rotation may be rolled back. */
  before?: { keySetAt: number; keySetBy: string }
  revision: number
  changedAt: number
  changedBy: string
}

/** What a project's model is, without its key. A project without a row runs on the deployment's default model. */
export const llmView: Projection<LlmEvent, LlmRow> = {
  name: 'llm',
  version: 2,
  key: ({ projectId }) => projectId,
  evolve(row, { event, projectId, seq, at, actor }) {
    const changed = { revision: seq, changedAt: at, changedBy: actor }
    switch (event.type) {
      case 'ProviderSet': {
        const { provider, model, key } = event.data
        return {
          projectId,
          provider,
          model,
          keyFingerprint: key.fingerprint,
          keySetAt: at,
          keySetBy: actor,
          ...changed,
        }
      }
      case 'KeyRotated': {
        const { fingerprint } = event.data.key
        if (!row) return row
        const before = { keySetAt: row.keySetAt, keySetBy: row.keySetBy }
        return { ...row, keyFingerprint: fingerprint, keySetAt: at, keySetBy: actor, before, ...changed }
      }
      case 'KeyRolledBack': {
        if (!row) return row
        // The key is as old as it was: a roll back is no rotation.
        const { before = { keySetAt: at, keySetBy: actor }, ...rest } = row
        return { ...rest, keyFingerprint: event.data.key.fingerprint, ...before, ...changed }
      }
      case 'ModelChanged':
        return row && { ...row, model: event.data.to, ...changed }
      case 'KeyStaged':
      case 'KeyUnstaged':
      case 'OverlapStarted':
      case 'OverlapEnded':
        return row && { ...row, ...changed }
      case 'ProviderRemoved':
        return undefined
      default:
        return event satisfies never
    }
  },
}
