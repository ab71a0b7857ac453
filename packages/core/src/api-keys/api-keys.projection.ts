import type { Projection } from '../kernel/projection.ts'
import type { ApiKeyEvent } from './events.ts'

export type ApiKeyRow = {
  projectId: string
  keyId: string
  status: 'active' | 'revoked'
  issuedAt: number
  issuedBy: string
  revision: number
}

/** The project's API key: since when, by whom, still working or not. Never its hash. */
export const apiKeysView: Projection<ApiKeyEvent, ApiKeyRow> = {
  name: 'api-keys',
  version: 1,
  key: ({ projectId }) => projectId,
  evolve(row, { event, projectId, seq, at, actor }) {
    if (event.type === 'ApiKeyRevoked') return row && { ...row, status: 'revoked', revision: seq }
    return { projectId, keyId: event.data.keyId, status: 'active', issuedAt: at, issuedBy: actor, revision: seq }
  },
}
