import type { Decider } from '../kernel/decider.ts'
import type { KeyCheck, KeyHealthCommand } from './commands.ts'
import { KeyHealthEvent } from './events.ts'

export type Health = KeyCheck['health']
/** The last check of each of the last keys, newest first. */
export type KeyHealth = { checks: readonly { fingerprint: string; health: Health; reason: string | null }[] }

export const keyHealthStream = (projectId: string) => `key-health:${projectId}`

const REMEMBERED = 20

/** A stream of its own, so that a revision of `llm` changes only with the configuration. */
export const keyHealth: Decider<KeyHealth, KeyHealthCommand, KeyHealthEvent> = {
  noun: 'key-health',
  stateVersion: 1,
  initial: { checks: [] },
  event: KeyHealthEvent,
  decide({ fingerprint, source, check, onlyAfter }, state) {
    const last = state.checks.find((c) => c.fingerprint === fingerprint)
    if (onlyAfter !== undefined && last?.health !== onlyAfter) return []
    // A thousand runs that meet the same 401 are one fact.
    if (source === 'run' && last?.health === check.health) return []
    switch (check.health) {
      case 'verified':
        return [
          {
            type: 'KeyVerified',
            version: 1,
            data: { fingerprint, source, method: check.method, latencyMs: check.latencyMs },
          },
        ]
      case 'rejected':
        return [
          {
            type: 'KeyRejected',
            version: 1,
            data: { fingerprint, source, status: check.status, reason: check.reason },
          },
        ]
      case 'unreachable':
        return [{ type: 'KeyUnreachable', version: 1, data: { fingerprint, source, reason: check.reason } }]
      default:
        return check satisfies never
    }
  },
  evolve(state, event) {
    const { fingerprint } = event.data
    const others = state.checks.filter((c) => c.fingerprint !== fingerprint)
    const reason = 'reason' in event.data ? event.data.reason : null
    return { checks: [{ fingerprint, health: healthOf(event), reason }, ...others].slice(0, REMEMBERED) }
  },
}

export function healthOf(event: KeyHealthEvent): Health {
  switch (event.type) {
    case 'KeyVerified':
      return 'verified'
    case 'KeyRejected':
      return 'rejected'
    case 'KeyUnreachable':
      return 'unreachable'
    default:
      return event satisfies never
  }
}
