import type { Decider } from '../kernel/decider.ts'
import type { KeyCustodyCommand } from './commands.ts'
import { KeyCustodyEvent } from './events.ts'

/** `maxAgeDays` is null without a rule of the project's own. */
export type KeyCustody = { maxAgeDays: number | null }

export const keyCustodyStream = (projectId: string) => `key-custody:${projectId}`

/** What is ruled about a project's keys, and what became of them: a stream of its own, so that runs and revisions of `llm` are not disturbed by it. */
export const keyCustody: Decider<KeyCustody, KeyCustodyCommand, KeyCustodyEvent> = {
  noun: 'key-custody',
  stateVersion: 1,
  initial: { maxAgeDays: null },
  event: KeyCustodyEvent,
  // What became of keys takes nothing from a rule.
  conflictsWith: (_, event) => event.type === 'RotationPolicySet',
  decide(command, { maxAgeDays: from }) {
    if (command.type === 'RecordRetirement') {
      const { fingerprint, dekId } = command
      return [{ type: 'KeyRetired', version: 1, data: { fingerprint, dekId } }]
    }
    const { maxAgeDays: to, reason } = command
    if (from === to) return []
    return [{ type: 'RotationPolicySet', version: 1, data: { from, to, ...(reason !== undefined && { reason }) } }]
  },
  evolve: (state, event) => (event.type === 'RotationPolicySet' ? { ...state, maxAgeDays: event.data.to } : state),
}
