/** A master key (KEK), by id and version. */
export type KekRef = { id: string; version: number }

/** Wraps data keys under master keys that it never gives out. Tested by `keyProviderContract`. */
export interface KeyProvider {
  /** What new data keys are wrapped under. */
  readonly primary: KekRef
  readonly keys: readonly KekRef[]
  wrap(key: Buffer, aad: Buffer): Promise<{ kek: KekRef; wrapped: Buffer }>
  /** Throws KEK_MISSING, UNWRAP_FAILED, or KEYRING_UNAVAILABLE. */
  unwrap(kek: KekRef, wrapped: Buffer, aad: Buffer): Promise<Buffer>
  /** Looks again which keys there are: another process may have changed them. */
  refresh?(): Promise<void>
  /** Present where keys can be made and destroyed from here. */
  readonly manage?: KeyManagement
}

/** Changes what a provider holds. Each change is whole or not at all; two at once are the caller's to prevent. */
export type KeyManagement = {
  /** Makes a key that is not primary yet. */
  add(): Promise<KekRef>
  setPrimary(kek: KekRef): Promise<void>
  /** Destroys a key for good. Without effect when it is gone already. */
  remove(kek: KekRef): Promise<void>
}

type KeyringCode =
  | 'KEK_MISSING'
  | 'KEK_MALFORMED'
  | 'KEK_CLOSED'
  | 'UNWRAP_FAILED'
  | 'KEYRING_MALFORMED'
  | 'KEYRING_MISSING'
  | 'KEYRING_PERMISSIONS'
  | 'KEYRING_UNAVAILABLE'

/** The keyring cannot be used; the message says what to do, and holds no key material. */
export class KeyringError extends Error {
  override readonly name = 'KeyringError'
  readonly code: KeyringCode
  readonly kekId: string | undefined
  constructor(code: KeyringCode, message: string, kekId?: string) {
    super(message)
    this.code = code
    this.kekId = kekId
  }
}

export const nameOfKek = ({ id, version }: KekRef) => `${id}/${version}`
export const sameKek = (a: KekRef, b: KekRef) => a.id === b.id && a.version === b.version
