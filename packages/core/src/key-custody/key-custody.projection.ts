import type { Projection } from '../kernel/projection.ts'
import type { KeyCustodyEvent } from './events.ts'

export type KeyCustodyRow = { projectId: string; maxAgeDays: number | null }

/** The rule of each project that ever had one. */
export const keyCustodyView: Projection<KeyCustodyEvent, KeyCustodyRow> = {
  name: 'key-custody',
  version: 1,
  key: ({ event, projectId }) => (event.type === 'RotationPolicySet' ? projectId : undefined),
  evolve: (row, { event, projectId }) =>
    event.type === 'RotationPolicySet' ? { projectId, maxAgeDays: event.data.to } : row,
}
