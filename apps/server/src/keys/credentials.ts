import { readFile } from 'node:fs/promises'
import { KeyringError } from '@stewrd/crypto/keyring.ts'
import { Secret } from '@stewrd/crypto/secret.ts'
import type { AwsCredentials } from '@stewrd/crypto/sigv4.ts'

/** How the server proves itself to a token or a cloud. Files are read at each use, so that what was replaced is taken up. */
export type KeyringCredentials = {
  pkcs11Pin?: Secret
  pkcs11PinFile?: string
  aws?: AwsCredentials
  awsFile?: { path: string; profile: string }
}

/** The PIN, from `pin-source` of the URI, the file, or the variable. */
export async function pinOf({ pkcs11Pin, pkcs11PinFile }: KeyringCredentials, source?: string): Promise<Secret> {
  const file = source ?? pkcs11PinFile
  if (file !== undefined) return new Secret((await read(file, 'the PIN')).replace(/\r?\n$/, ''))
  if (pkcs11Pin) return pkcs11Pin
  throw new KeyringError(
    'KEYRING_UNAVAILABLE',
    'The token needs a PIN. Set STEWRD_PKCS11_PIN_FILE or STEWRD_PKCS11_PIN, or pin-source in STEWRD_KEYRING.',
  )
}

export async function awsCredentialsOf({ aws, awsFile }: KeyringCredentials): Promise<AwsCredentials> {
  if (aws) return aws
  const found = awsFile && profileOf(await read(awsFile.path, 'AWS credentials'), awsFile.profile)
  if (found) return found
  throw new KeyringError(
    'KEYRING_UNAVAILABLE',
    awsFile
      ? `${awsFile.path} has no complete profile ${awsFile.profile}. Check AWS_PROFILE.`
      : 'AWS KMS needs credentials. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SHARED_CREDENTIALS_FILE.',
  )
}

/** One profile of a credentials file as the AWS tools write it. */
export function profileOf(text: string, profile: string): AwsCredentials | undefined {
  const values = new Map<string, string>()
  let inside = false
  for (const line of text.split(/\r?\n/)) {
    const section = /^\s*\[\s*(.+?)\s*\]\s*$/.exec(line)
    if (section) inside = section[1] === profile
    const pair = /^\s*(aws_[a-z_]+)\s*=\s*(.*?)\s*$/.exec(line)
    if (inside && pair) values.set(pair[1]!, pair[2]!)
  }
  const [id, secret, token] = ['aws_access_key_id', 'aws_secret_access_key', 'aws_session_token'].map((n) =>
    values.get(n),
  )
  if (!id || !secret) return undefined
  return { accessKeyId: id, secretAccessKey: new Secret(secret), ...(token && { sessionToken: new Secret(token) }) }
}

async function read(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    throw new KeyringError('KEYRING_UNAVAILABLE', `The file with ${what}, ${path}, cannot be read (${code}).`)
  }
}
