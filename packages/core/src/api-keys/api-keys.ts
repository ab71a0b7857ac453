import type { Decider } from '../kernel/decider.ts'
import { Refusal } from '../kernel/errors.ts'
import type { ApiKeyCommand } from './commands.ts'
import { ApiKeyEvent } from './events.ts'

/** At most one key of a project works at a time. */
export type ApiKeys = { status: 'none' } | { status: 'active'; keyId: string; hash: string } | { status: 'revoked' }

export const apiKeysStream = (projectId: string) => `api-keys:${projectId}`

export const apiKeys: Decider<ApiKeys, ApiKeyCommand, ApiKeyEvent> = {
  noun: 'api-keys',
  stateVersion: 1,
  initial: { status: 'none' },
  event: ApiKeyEvent,
  decide(command, state) {
    switch (command.type) {
      case 'IssueApiKey':
        if (state.status === 'active') throw new Refusal('API_KEY_EXISTS', {})
        return [issued(command)]
      case 'RegenerateApiKey':
        if (state.status !== 'active') return [issued(command)]
        return [
          {
            type: 'ApiKeyRegenerated',
            version: 1,
            data: { keyId: command.keyId, hash: command.hash, replaces: state.keyId },
          },
        ]
      case 'RevokeApiKey':
        if (state.status !== 'active') throw new Refusal('API_KEY_MISSING', {})
        return [{ type: 'ApiKeyRevoked', version: 1, data: { keyId: state.keyId } }]
      default:
        return command satisfies never
    }
  },
  evolve(_state, event) {
    switch (event.type) {
      case 'ApiKeyIssued':
      case 'ApiKeyRegenerated':
        return { status: 'active', keyId: event.data.keyId, hash: event.data.hash }
      case 'ApiKeyRevoked':
        return { status: 'revoked' }
      default:
        return event satisfies never
    }
  },
  // A retry draws another key; it is the same wish.
  identity: ({ type }) => ({ type }),
}

const issued = ({ keyId, hash }: { keyId: string; hash: string }) =>
  ({ type: 'ApiKeyIssued', version: 1, data: { keyId, hash } }) as const
