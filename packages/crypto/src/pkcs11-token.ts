import { KeyringError } from './keyring.ts'
import type { Pkcs11 } from './pkcs11-module.ts'
import { ckr, codeOf, loadPkcs11, returnCode } from './pkcs11-module.ts'
import type { Pkcs11Uri } from './pkcs11-uri.ts'
import type { Secret } from './secret.ts'

export type TokenOptions = Pkcs11Uri & {
  /** Asked for when a session is opened, and not kept. */
  pin: () => Promise<Secret>
}
/** A key inside the token, by handle: its bytes never leave it. */
export type TokenKey = { pkcs11: Pkcs11; session: Buffer; key: Buffer }

const CKO_SECRET_KEY = 4
const CKK_AES = 0x1f
const CKM_AES_KEY_GEN = 0x1080
const CKA = {
  CLASS: 0,
  TOKEN: 1,
  PRIVATE: 2,
  LABEL: 3,
  KEY_TYPE: 0x100,
  SENSITIVE: 0x103,
  ENCRYPT: 0x104,
  DECRYPT: 0x105,
  VALUE_LEN: 0x161,
  EXTRACTABLE: 0x162,
}
const RW_SESSION = 2 | 4
const CKU_USER = 1

/** Logs in to the token and finds the key; with `create`, a key that is not there is made in it, and can never be taken out. */
export async function openTokenKey(options: TokenOptions, { create = false } = {}): Promise<TokenKey> {
  const pkcs11 = loadPkcs11(options.modulePath)
  const session = await logIn(pkcs11, options)
  try {
    const found = find(pkcs11, session, options.object)
    if (found.length > 1)
      throw new KeyringError(
        'KEK_MALFORMED',
        `${nameOf(options)} stands for ${found.length} keys. Give each its own label.`,
        options.object,
      )
    const key = found[0] ?? (create ? generate(pkcs11, session, options.object) : undefined)
    if (!key)
      throw new KeyringError(
        'KEK_MISSING',
        `There is no AES key ${nameOf(options)}. Correct STEWRD_KEYRING; to move there, put what is in use behind it, and one is made.`,
        options.object,
      )
    refuseExtractable(pkcs11, session, key, options)
    return { pkcs11, session, key }
  } catch (error) {
    pkcs11.C_CloseSession(session)
    throw asKeyringError(error, options)
  }
}

async function logIn(pkcs11: Pkcs11, options: TokenOptions): Promise<Buffer> {
  const pin = await options.pin()
  try {
    const slot = pkcs11.C_GetSlotList(true).find((slot) => pkcs11.C_GetTokenInfo(slot).label.trim() === options.token)
    if (!slot)
      throw new KeyringError(
        'KEYRING_UNAVAILABLE',
        `There is no token "${options.token}" in ${options.modulePath}. Connect it, or correct STEWRD_KEYRING.`,
      )
    const session = pkcs11.C_OpenSession(slot, RW_SESSION)
    try {
      pkcs11.C_Login(session, CKU_USER, pin.reveal())
    } catch (error) {
      // Being logged in is a matter of the process, not of the session.
      if (returnCode(error) !== ckr.USER_ALREADY_LOGGED_IN) throw error
    }
    return session
  } catch (error) {
    throw asKeyringError(error, options)
  }
}

function find(pkcs11: Pkcs11, session: Buffer, label: string): Buffer[] {
  pkcs11.C_FindObjectsInit(session, [
    { type: CKA.CLASS, value: CKO_SECRET_KEY },
    { type: CKA.KEY_TYPE, value: CKK_AES },
    { type: CKA.LABEL, value: label },
  ])
  try {
    return pkcs11.C_FindObjects(session, 2)
  } finally {
    pkcs11.C_FindObjectsFinal(session)
  }
}

const generate = (pkcs11: Pkcs11, session: Buffer, label: string) =>
  pkcs11.C_GenerateKey(session, { mechanism: CKM_AES_KEY_GEN }, [
    { type: CKA.CLASS, value: CKO_SECRET_KEY },
    { type: CKA.KEY_TYPE, value: CKK_AES },
    { type: CKA.LABEL, value: label },
    { type: CKA.VALUE_LEN, value: 32 },
    { type: CKA.TOKEN, value: true },
    { type: CKA.PRIVATE, value: true },
    { type: CKA.SENSITIVE, value: true },
    { type: CKA.EXTRACTABLE, value: false },
    { type: CKA.ENCRYPT, value: true },
    { type: CKA.DECRYPT, value: true },
  ])

function refuseExtractable(pkcs11: Pkcs11, session: Buffer, key: Buffer, options: TokenOptions): void {
  const [extractable, sensitive] = pkcs11.C_GetAttributeValue(session, key, [
    { type: CKA.EXTRACTABLE },
    { type: CKA.SENSITIVE },
  ])
  if (extractable!.value[0] === 0 && sensitive!.value[0] === 1) return
  throw new KeyringError(
    'KEK_MALFORMED',
    `The key ${nameOf(options)} can be read out of its token. Use one that is sensitive and not extractable, as \`stewrd keys add\` makes it.`,
    options.object,
  )
}

export const nameOf = ({ object, token }: Pkcs11Uri) => `"${object}" in token "${token}"`

/** What the library threw, without its text. */
export function asKeyringError(error: unknown, options: Pkcs11Uri): unknown {
  const code = returnCode(error)
  if (code === undefined) return error
  const pinProblem = ([ckr.PIN_INCORRECT, ckr.PIN_LEN_RANGE, ckr.PIN_LOCKED] as number[]).includes(code)
  const advice = pinProblem
    ? 'The PIN is wrong or locked. Check STEWRD_PKCS11_PIN, STEWRD_PKCS11_PIN_FILE or pin-source.'
    : 'Check that the token is there and works.'
  return new KeyringError(
    'KEYRING_UNAVAILABLE',
    `The token "${options.token}" refused (${codeOf(error)}). ${advice}`,
    options.object,
  )
}
