import type { Describe } from '../kernel/sentence.ts'
import { sentence } from '../kernel/sentence.ts'
import type { KeyringEvent, MasterKey } from './events.ts'

const ids = (keys: readonly MasterKey[]) => keys.map((k) => k.id).join(', ') || 'none'
const where = { file: 'the keyring file', pkcs11: 'a PKCS#11 token', awskms: 'AWS KMS' } as const

export const describeKeyring = {
  MasterKeyAdded: ({ key, provider }) => sentence`added the master key ${key.id} in ${where[provider]}`,
  MasterKeyRotationStarted: ({ from, to }) =>
    sentence`started the rotation of the master key from ${ids(from)} to ${to.id}`,
  MasterKeyRotated: ({ from, to, values, left }) =>
    sentence`rotated the master key from ${ids(from)} to ${to.id}: ${values} values under the new key, ${left} left under the old`,
  MasterKeyRetired: ({ key }) => sentence`retired the master key ${key.id}`,
  DataKeyRotationStarted: ({ projectId, to }) =>
    sentence`started the rotation of the data keys of project ${projectId} to epochs ${to.event} and ${to.secret}`,
  DataKeysRotated: ({ projectId, to }) =>
    sentence`rotated the data keys of project ${projectId} to epochs ${to.event} and ${to.secret}`,
} satisfies Describe<KeyringEvent>
