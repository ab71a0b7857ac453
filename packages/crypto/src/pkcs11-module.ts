import { createRequire } from 'node:module'
import { KeyringError } from './keyring.ts'

type Handle = Buffer
type Attribute = { type: number; value?: string | number | boolean | Buffer }
type Mechanism = { mechanism: number; parameter?: object | Buffer }
/** The part of pkcs11js that is used here. Written down because the package is optional: without a compiler it is not installed. */
export type Pkcs11 = {
  load(path: string): void
  C_Initialize(): void
  C_GetSlotList(tokenPresent: boolean): Handle[]
  C_GetTokenInfo(slot: Handle): { label: string }
  C_OpenSession(slot: Handle, flags: number): Handle
  C_CloseSession(session: Handle): void
  C_Login(session: Handle, userType: number, pin: string): void
  C_FindObjectsInit(session: Handle, template: Attribute[]): void
  C_FindObjects(session: Handle, max: number): Handle[]
  C_FindObjectsFinal(session: Handle): void
  C_GetAttributeValue(session: Handle, object: Handle, template: Attribute[]): { value: Buffer }[]
  C_GenerateKey(session: Handle, mechanism: Mechanism, template: Attribute[]): Handle
  C_DestroyObject(session: Handle, object: Handle): void
  C_EncryptInit(session: Handle, mechanism: Mechanism, key: Handle): void
  C_EncryptAsync(session: Handle, input: Buffer, output: Buffer): Promise<Buffer>
  C_DecryptInit(session: Handle, mechanism: Mechanism, key: Handle): void
  C_DecryptAsync(session: Handle, input: Buffer, output: Buffer): Promise<Buffer>
}
type Pkcs11Js = { PKCS11: new () => Pkcs11 }

const modules = new Map<string, Pkcs11>()

/** The vendor's library, loaded and initialised once in a process. Throws KEYRING_UNAVAILABLE, saying what is missing. */
export function loadPkcs11(modulePath: string): Pkcs11 {
  const known = modules.get(modulePath)
  if (known) return known
  const { PKCS11 } = native()
  const module = new PKCS11()
  try {
    module.load(modulePath)
    module.C_Initialize()
  } catch (error) {
    if (returnCode(error) !== ckr.CRYPTOKI_ALREADY_INITIALIZED)
      throw new KeyringError(
        'KEYRING_UNAVAILABLE',
        `The PKCS#11 library ${modulePath} cannot be loaded (${codeOf(error)}). Check module-path in STEWRD_KEYRING.`,
      )
  }
  modules.set(modulePath, module)
  return module
}

function native(): Pkcs11Js {
  try {
    return createRequire(import.meta.url)('pkcs11js') as Pkcs11Js
  } catch {
    throw new KeyringError(
      'KEYRING_UNAVAILABLE',
      'PKCS#11 support is not built. Install a C++ compiler, make and python3, then run in the checkout: (cd packages/crypto/node_modules/pkcs11js && npx --yes node-gyp rebuild)',
    )
  }
}

/** CKR_* of an error of the library; undefined for any other. */
export function returnCode(error: unknown): number | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined
}

/** What may be said of an error of the library: its code. */
export const codeOf = (error: unknown) => {
  const code = returnCode(error)
  return code === undefined ? 'no PKCS#11 error' : `CKR 0x${code.toString(16)}`
}

export const ckr = {
  GENERAL_ERROR: 0x5,
  DEVICE_ERROR: 0x30,
  DEVICE_REMOVED: 0x32,
  ENCRYPTED_DATA_INVALID: 0x40,
  ENCRYPTED_DATA_LEN_RANGE: 0x41,
  AEAD_DECRYPT_FAILED: 0x42,
  PIN_INCORRECT: 0xa0,
  PIN_LEN_RANGE: 0xa2,
  PIN_LOCKED: 0xa4,
  SESSION_CLOSED: 0xb0,
  SESSION_HANDLE_INVALID: 0xb3,
  USER_ALREADY_LOGGED_IN: 0x100,
  USER_NOT_LOGGED_IN: 0x101,
  CRYPTOKI_ALREADY_INITIALIZED: 0x191,
} as const
