import { NONCE_BYTES, randomNonce, TAG_BYTES } from './gcm.ts'
import type { KekRef, KeyProvider } from './keyring.ts'
import { KeyringError, nameOfKek, sameKek } from './keyring.ts'
import { ckr, returnCode } from './pkcs11-module.ts'
import type { TokenKey, TokenOptions } from './pkcs11-token.ts'
import { asKeyringError, nameOf, openTokenKey } from './pkcs11-token.ts'

const FORMAT = 0x01
const CKM_AES_GCM = 0x1087
const CK_PARAMS_AES_GCM_V240 = 7
const DEK_BYTES = 32

/**
 * One AES-256 key in a PKCS#11 token, named by its label. The token encrypts and decrypts; the key never leaves it. The associated
 * data goes into the token's own GCM (`pAAD`), so that a wrapped key is bound as with every other provider:
 * `0x01 ‖ nonce(12) ‖ ciphertext ‖ tag(16)`.
 */
export async function openPkcs11(options: TokenOptions, { create = false } = {}): Promise<KeyProvider> {
  const kek: KekRef = { id: options.object, version: 1 }
  const token = new Token(options, await openTokenKey(options, { create }))
  return {
    primary: kek,
    keys: [kek],
    async wrap(key, aad) {
      const nonce = randomNonce()
      const sealed = await token.encrypt(nonce, aad, key)
      return { kek, wrapped: Buffer.concat([Buffer.of(FORMAT), nonce, sealed]) }
    },
    async unwrap(wanted, wrapped, aad) {
      if (!sameKek(wanted, kek))
        throw new KeyringError(
          'KEK_MISSING',
          `The master key ${nameOfKek(wanted)} is not ${nameOf(options)}. Add the one that is missing to STEWRD_KEYRING.`,
          wanted.id,
        )
      const nonce = wrapped.subarray(1, 1 + NONCE_BYTES)
      const whole = wrapped.length === 1 + NONCE_BYTES + DEK_BYTES + TAG_BYTES && wrapped[0] === FORMAT
      const opened = whole ? await token.decrypt(nonce, aad, wrapped.subarray(1 + NONCE_BYTES)) : undefined
      if (!opened)
        throw new KeyringError(
          'UNWRAP_FAILED',
          `The master key ${nameOf(options)} does not open a stored data key: it is another key of the same name, or the row was changed.`,
          kek.id,
        )
      return opened
    },
  }
}

const refusedData = new Set<number | undefined>([
  ckr.ENCRYPTED_DATA_INVALID,
  ckr.ENCRYPTED_DATA_LEN_RANGE,
  ckr.AEAD_DECRYPT_FAILED,
])
const goneSession = new Set<number | undefined>([
  ckr.DEVICE_ERROR,
  ckr.DEVICE_REMOVED,
  ckr.SESSION_CLOSED,
  ckr.SESSION_HANDLE_INVALID,
  ckr.USER_NOT_LOGGED_IN,
])

/** A session does one thing at a time. One that the token dropped is opened again, once. */
class Token {
  readonly #options: TokenOptions
  #open: TokenKey | undefined
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: TokenOptions, open: TokenKey) {
    this.#options = options
    this.#open = open
  }

  encrypt(nonce: Buffer, aad: Buffer, data: Buffer): Promise<Buffer> {
    return this.#inTurn(({ pkcs11, session, key }) => {
      pkcs11.C_EncryptInit(session, gcm(nonce, aad), key)
      return pkcs11.C_EncryptAsync(session, data, Buffer.alloc(data.length + TAG_BYTES))
    })
  }

  /** Undefined when the token says that this is not what was encrypted. */
  async decrypt(nonce: Buffer, aad: Buffer, data: Buffer): Promise<Buffer | undefined> {
    try {
      return await this.#inTurn(async ({ pkcs11, session, key }) => {
        pkcs11.C_DecryptInit(session, gcm(nonce, aad), key)
        return pkcs11.C_DecryptAsync(session, data, Buffer.alloc(data.length))
      })
    } catch (error) {
      if (refusedData.has(returnCode(error)) || (returnCode(error) === ckr.GENERAL_ERROR && (await this.#works())))
        return undefined
      throw asKeyringError(error, this.#options)
    }
  }

  /** Some tokens answer a wrong tag with a general error: those that still work meant the tag. */
  async #works(): Promise<boolean> {
    const [nonce, aad, probe] = [randomNonce(), Buffer.from('probe'), Buffer.alloc(DEK_BYTES)]
    const sealed = await this.encrypt(nonce, aad, probe)
    const opened = await this.#inTurn(async ({ pkcs11, session, key }) => {
      pkcs11.C_DecryptInit(session, gcm(nonce, aad), key)
      return pkcs11.C_DecryptAsync(session, sealed, Buffer.alloc(sealed.length))
    })
    return opened.equals(probe)
  }

  #inTurn<T>(work: (open: TokenKey) => Promise<T>): Promise<T> {
    const turn = this.#turn.then(async () => {
      this.#open ??= await openTokenKey(this.#options)
      try {
        return await work(this.#open)
      } catch (error) {
        if (!goneSession.has(returnCode(error))) throw error
        this.#open = await openTokenKey(this.#options)
        return work(this.#open)
      }
    })
    this.#turn = turn.catch(() => {})
    return turn
  }
}

const gcm = (iv: Buffer, aad: Buffer) => ({
  mechanism: CKM_AES_GCM,
  parameter: { type: CK_PARAMS_AES_GCM_V240, iv, aad, ivBits: NONCE_BYTES * 8, tagBits: TAG_BYTES * 8 },
})
