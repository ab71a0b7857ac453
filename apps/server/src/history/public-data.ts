import { beginningOf } from '@stewrd/core/kernel/cut.ts'
import type { AnyEvent } from '@stewrd/core/catalog.ts'
import type { SealedKey } from '@stewrd/core/llm/events.ts'

/** Said by an event, as anybody who may read the history may see it. */
type PublicKey = { fingerprint: string }
type Cleaned<Data> = {
  [F in keyof Data as F extends 'hash' ? never : F]: Data[F] extends SealedKey | undefined
    ? PublicKey | Extract<Data[F], undefined>
    : F extends 'overlap'
      ? (PublicKey & { until: number }) | null
      : F extends 'files'
        ? string[]
        : Data[F]
}
export type PublicData = { [T in AnyEvent['type']]: Cleaned<Of<T>> }
type Of<T extends AnyEvent['type']> = Extract<AnyEvent, { type: T }>['data']

/** What was said in a run can be long; a list shows its beginning, `runs.get` all of it. */
const PREVIEW = 500

/**
 * An event's data without anything secret: of a sealed key its fingerprint, of an API key its id, of files their names.
 * Exhaustive by type: an event about which nothing is decided does not compile.
 */
export function publicData<T extends AnyEvent['type']>(event: Extract<AnyEvent, { type: T }>): PublicData[T] {
  return cleaners[event.type](event.data as Of<T>)
}

const fingerprint = ({ fingerprint }: SealedKey): PublicKey => ({ fingerprint })
const preview = (text: string) => (text.length > PREVIEW ? `${beginningOf(text, PREVIEW)}…` : text)
const asItIs = <Data>(data: Data): Data => data

const cleaners: { [T in AnyEvent['type']]: (data: Of<T>) => PublicData[T] } = {
  ProjectCreated: asItIs,
  ProjectRenamed: asItIs,
  CapabilitiesChanged: asItIs,
  ProjectArchived: asItIs,
  LimitsChanged: asItIs,
  PlanSet: asItIs,
  CreditsGranted: asItIs,
  CreditsPurchased: asItIs,
  ProjectShredRequested: asItIs,
  ProjectShredCancelled: asItIs,
  ProjectShredded: asItIs,
  ProviderSet: (data) => ({ ...data, key: fingerprint(data.key) }),
  KeyRotated: (data) => ({ ...data, key: fingerprint(data.key) }),
  ModelChanged: asItIs,
  ProviderRemoved: asItIs,
  KeyStaged: (data) => ({ ...data, key: fingerprint(data.key) }),
  KeyUnstaged: asItIs,
  OverlapStarted: (data) => ({ ...data, key: fingerprint(data.key) }),
  OverlapEnded: asItIs,
  KeyRolledBack: (data) => ({ ...data, key: fingerprint(data.key) }),
  KeyVerified: asItIs,
  KeyRejected: asItIs,
  KeyUnreachable: asItIs,
  ApiKeyIssued: ({ keyId }) => ({ keyId }),
  ApiKeyRegenerated: ({ keyId, replaces }) => ({ keyId, replaces }),
  ApiKeyRevoked: asItIs,
  MasterKeyAdded: asItIs,
  MasterKeyRotationStarted: asItIs,
  MasterKeyRotated: asItIs,
  MasterKeyRetired: asItIs,
  DataKeyRotationStarted: asItIs,
  DataKeysRotated: asItIs,
  RotationPolicySet: asItIs,
  KeyRetired: asItIs,
  WebhookSet: ({ secret, ...data }) => ({ ...data, ...(secret && { secret: fingerprint(secret) }) }),
  WebhookSecretRegenerated: ({ secret, overlap, ...data }) => ({
    ...data,
    secret: fingerprint(secret),
    overlap: overlap && { ...fingerprint(overlap.secret), until: overlap.until },
  }),
  WebhookOverlapEnded: asItIs,
  WebhookEventsChanged: asItIs,
  WebhookRemoved: asItIs,
  KeyFellBack: asItIs,
  RunStarted: (data) => ({ ...data, message: preview(data.message), files: data.files.map(({ name }) => name) }),
  RunResumed: asItIs,
  RunReconfigured: asItIs,
  RunCancelled: asItIs,
  ToolCalled: asItIs,
  ToolReturned: (data) => ({ ...data, output: preview(data.output), files: data.files.map(({ name }) => name) }),
  ToolOutputsRequested: asItIs,
  ToolOutputsSubmitted: (data) => ({
    ...data,
    outputs: data.outputs.map((o) => ({ ...o, output: preview(o.output) })),
  }),
  ModelAnswered: ({ toolCalls, ...data }) => ({
    ...data,
    content: preview(data.content),
    refusal: data.refusal === null ? null : preview(data.refusal),
    // What goes back to the provider as it came is for no reader.
    toolCalls: toolCalls.map(({ id, name, arguments: args }) => ({ id, name, arguments: args })),
    extra: null,
  }),
  SessionOpened: asItIs,
  SessionMessageStarted: asItIs,
  SessionMessageEnded: (data) => ({
    ...data,
    message: preview(data.message),
    answer: data.answer === null ? null : preview(data.answer),
    files: data.files.map(({ name }) => name),
  }),
  SessionDeleted: asItIs,
  DefaultModelSwitched: asItIs,
  RunFellBack: asItIs,
  PriceSet: asItIs,
  PriceRemoved: asItIs,
  FileStored: asItIs,
  FileRemoved: asItIs,
  RunCompleted: (data) => ({ ...data, message: preview(data.message) }),
  RunFailed: (data) => ({ ...data, message: preview(data.message) }),
}
