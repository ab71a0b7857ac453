import type { Projection } from '../kernel/projection.ts'
import type { KeyHealthEvent } from './events.ts'
import type { Health } from './key-health.ts'
import { healthOf } from './key-health.ts'

export type KeyHealthRow = {
  projectId: string
  fingerprint: string
  health: Health
  reason: string | null
  checkedAt: number
  verifiedAt: number | null
  latencyMs: number | null
}

/** Row key of one key of one project. */
export const keyHealthRowKey = (projectId: string, fingerprint: string) => `${projectId}/${fingerprint}`

/** The newest check of every key that a project ever tried. */
export const keyHealthView: Projection<KeyHealthEvent, KeyHealthRow> = {
  name: 'key-health',
  version: 1,
  key: ({ projectId, event }) => keyHealthRowKey(projectId, event.data.fingerprint),
  evolve(row, { event, projectId, at }) {
    const verified = event.type === 'KeyVerified'
    return {
      projectId,
      fingerprint: event.data.fingerprint,
      health: healthOf(event),
      reason: event.type === 'KeyVerified' ? null : event.data.reason,
      checkedAt: at,
      verifiedAt: verified ? at : (row?.verifiedAt ?? null),
      latencyMs: event.type === 'KeyVerified' ? event.data.latencyMs : null,
    }
  },
}
