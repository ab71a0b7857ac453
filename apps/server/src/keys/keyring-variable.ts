import { resolve } from 'node:path'
import { kmsArn } from '@stewrd/crypto/keyring-awskms.ts'
import type { Pkcs11Uri } from '@stewrd/crypto/pkcs11-uri.ts'
import { parsePkcs11Uri, Pkcs11UriError } from '@stewrd/crypto/pkcs11-uri.ts'

/** One place that master keys come from. Never holds a PIN or credentials. */
export type KeyringSpec =
  | { kind: 'file'; path: string }
  | { kind: 'pkcs11'; uri: Pkcs11Uri }
  | { kind: 'awskms'; arn: string; endpoint?: string }

/** A part of STEWRD_KEYRING cannot be used. Says which one by its place, and shows nothing of it. */
export class KeyringSpecError extends Error {
  override readonly name = 'KeyringSpecError'
}

/** `file:PATH`, `pkcs11:…`, `awskms:ARN`, or several with commas; the first is the primary one. */
export function parseKeyringVariable(text: string): [KeyringSpec, ...KeyringSpec[]] {
  const [first, ...others] = text.split(',').map((part, i) => parseKeyringSpec(part.trim(), `part ${i + 1}`))
  return [first!, ...others]
}

export function parseKeyringSpec(text: string, name: string): KeyringSpec {
  if (text.startsWith('file:')) return fileSpec(text.slice(5), name)
  if (text.startsWith('pkcs11:')) return pkcs11Spec(text, name)
  if (text.startsWith('awskms:')) return awsKmsSpec(text.slice(7), name)
  throw new KeyringSpecError(`${name} must begin with file:, pkcs11: or awskms:`)
}

function fileSpec(path: string, name: string): KeyringSpec {
  if (!path) throw new KeyringSpecError(`${name} needs a path after file:`)
  return { kind: 'file', path: resolve(path) }
}

function pkcs11Spec(text: string, name: string): KeyringSpec {
  try {
    return { kind: 'pkcs11', uri: parsePkcs11Uri(text) }
  } catch (error) {
    if (error instanceof Pkcs11UriError) throw new KeyringSpecError(`${name} ${error.message}`)
    throw error
  }
}

function awsKmsSpec(text: string, name: string): KeyringSpec {
  const [arn = '', query] = text.split('?', 2)
  if (!kmsArn.test(arn))
    throw new KeyringSpecError(`${name} must be awskms: and the ARN of a key, as arn:aws:kms:REGION:ACCOUNT:key/ID`)
  if (query === undefined) return { kind: 'awskms', arn }
  const endpoint = /^endpoint=(https?:\/\/[^\s/?#@]+)$/.exec(query)?.[1]
  if (endpoint === undefined)
    throw new KeyringSpecError(`${name} may have ?endpoint=https://HOST after the ARN, and nothing else`)
  return { kind: 'awskms', arn, endpoint }
}
