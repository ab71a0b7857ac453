import { z } from 'zod'
import { defineEvent } from '../kernel/event.ts'
import { Uuid } from '../kernel/ids.ts'
import { line } from '../kernel/text.ts'

/** A master key, by name: never its bytes, which core does not know. */
export const MasterKey = z.strictObject({ id: line(300, 'The master key'), version: z.int().min(1) })
export type MasterKey = z.infer<typeof MasterKey>
export const KeyProviderKind = z.enum(['file', 'pkcs11', 'awskms'])
const Count = z.int().min(0)
/** The epoch of each of a project's data keys. */
export const Epochs = z.strictObject({ event: z.int().min(1), secret: z.int().min(1) })
export type Epochs = z.infer<typeof Epochs>

export const MasterKeyAdded = defineEvent(
  'MasterKeyAdded',
  1,
  z.strictObject({ key: MasterKey, provider: KeyProviderKind }),
)
/** From here on nothing new is wrapped under `from`. */
export const MasterKeyRotationStarted = defineEvent(
  'MasterKeyRotationStarted',
  1,
  z.strictObject({ from: z.array(MasterKey), to: MasterKey }),
)
/** All `values` data keys are under `to` now, and `left` of them under `from`: counted in the database, not assumed. */
export const MasterKeyRotated = defineEvent(
  'MasterKeyRotated',
  1,
  z.strictObject({ from: z.array(MasterKey), to: MasterKey, values: Count, left: z.literal(0) }),
)
export const MasterKeyRetired = defineEvent('MasterKeyRetired', 1, z.strictObject({ key: MasterKey }))
export const DataKeyRotationStarted = defineEvent(
  'DataKeyRotationStarted',
  1,
  z.strictObject({ projectId: Uuid, to: Epochs }),
)
export const DataKeysRotated = defineEvent('DataKeysRotated', 1, z.strictObject({ projectId: Uuid, to: Epochs }))

export const KeyringEvent = z.discriminatedUnion('type', [
  MasterKeyAdded,
  MasterKeyRotationStarted,
  MasterKeyRotated,
  MasterKeyRetired,
  DataKeyRotationStarted,
  DataKeysRotated,
])
export type KeyringEvent = z.infer<typeof KeyringEvent>
