/** A master key (KEK), by id and version. */
export type KekRef = { id: string; version: number }

/** Wraps data keys under master keys that it never gives out. Tested by `keyProviderContract`. */
export interface KeyProvider {
  /** What new data keys are wrapped under. */
  readonly primary: KekRef
  readonly keys: readonly KekRef[]
  wrap(key: Buffer, aad: Buffer): Promise<{ kek: KekRef; wrapped: Buffer }>
  /** Throws KEK_MISSING or UNWRAP_FAILED. */
  unwrap(kek: KekRef, wrapped: Buffer, aad: Buffer): Promise<Buffer>
}

type KeyringCode =
  | 'KEK_MISSING'
  | 'KEK_MALFORMED'
  | 'UNWRAP_FAILED'
  | 'KEYRING_MALFORMED'
  | 'KEYRING_MISSING'
  | 'KEYRING_PERMISSIONS'

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
