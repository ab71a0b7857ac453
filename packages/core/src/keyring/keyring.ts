import type { Decider } from '../kernel/decider.ts'
import { Refusal } from '../kernel/errors.ts'
import type { StreamId } from '../kernel/execute.ts'
import type { KeyringCommand } from './commands.ts'
import type { Epochs, MasterKey } from './events.ts'
import { KeyringEvent } from './events.ts'

/** What was begun with master keys and data keys, and not ended. Where a rotation goes on after a crash is read from here. */
export type Keyring = {
  /** Made here, and not rotated to yet. */
  added: readonly MasterKey[]
  rotation: { from: readonly MasterKey[]; to: MasterKey } | null
  retired: readonly MasterKey[]
  /** Data-key rotations under way, by project. */
  dataKeys: Readonly<Record<string, Epochs>>
}

/** One for the account. It belongs to no project: the account stands in the project's place, with a data key of its own. */
export const keyringStream = (accountId: string): StreamId => ({ accountId, projectId: accountId, stream: 'keyring' })

export const sameKey = (a: MasterKey, b: MasterKey) => a.id === b.id && a.version === b.version

export const keyring: Decider<Keyring, KeyringCommand, KeyringEvent> = {
  noun: 'keyring',
  stateVersion: 1,
  initial: { added: [], rotation: null, retired: [], dataKeys: {} },
  event: KeyringEvent,
  decide(command, state) {
    switch (command.type) {
      case 'AddMasterKey': {
        const { key, provider } = command
        if (state.added.some((k) => sameKey(k, key))) return []
        return [{ type: 'MasterKeyAdded', version: 1, data: { key, provider } }]
      }
      case 'StartMasterKeyRotation': {
        const { from, to } = command
        if (state.rotation && sameKey(state.rotation.to, to)) return []
        if (state.rotation) throw new Refusal('MASTER_KEY_ROTATING', { to: state.rotation.to.id })
        return [{ type: 'MasterKeyRotationStarted', version: 1, data: { from: [...from], to } }]
      }
      case 'FinishMasterKeyRotation': {
        if (!state.rotation) return []
        const { values, left } = command
        const { from, to } = state.rotation
        if (left !== 0) throw new Refusal('MASTER_KEY_IN_USE', { key: from.map((k) => k.id).join(', '), values: left })
        return [{ type: 'MasterKeyRotated', version: 1, data: { from: [...from], to, values, left } }]
      }
      case 'RetireMasterKey': {
        const { key } = command
        if (state.retired.some((k) => sameKey(k, key))) return []
        if (state.rotation) throw new Refusal('MASTER_KEY_ROTATING', { to: state.rotation.to.id })
        return [{ type: 'MasterKeyRetired', version: 1, data: { key } }]
      }
      case 'StartDataKeyRotation': {
        const { projectId, to } = command
        if (state.dataKeys[projectId]) return []
        return [{ type: 'DataKeyRotationStarted', version: 1, data: { projectId, to } }]
      }
      case 'FinishDataKeyRotation': {
        const { projectId } = command
        const to = state.dataKeys[projectId]
        return to ? [{ type: 'DataKeysRotated', version: 1, data: { projectId, to } }] : []
      }
      default:
        return command satisfies never
    }
  },
  evolve(state, event) {
    switch (event.type) {
      case 'MasterKeyAdded':
        return { ...state, added: [...without(state.added, event.data.key), event.data.key] }
      case 'MasterKeyRotationStarted':
        return { ...state, rotation: event.data, retired: without(state.retired, event.data.to) }
      case 'MasterKeyRotated':
        return { ...state, rotation: null, added: without(state.added, event.data.to) }
      case 'MasterKeyRetired': {
        const { key } = event.data
        return { ...state, added: without(state.added, key), retired: [...without(state.retired, key), key] }
      }
      case 'DataKeyRotationStarted':
        return { ...state, dataKeys: { ...state.dataKeys, [event.data.projectId]: event.data.to } }
      case 'DataKeysRotated': {
        const { [event.data.projectId]: _, ...dataKeys } = state.dataKeys
        return { ...state, dataKeys }
      }
      default:
        return event satisfies never
    }
  },
}

const without = (keys: readonly MasterKey[], key: MasterKey) => keys.filter((k) => !sameKey(k, key))
