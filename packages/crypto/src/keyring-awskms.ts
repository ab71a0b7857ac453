import type { KekRef, KeyProvider } from './keyring.ts'
import { KeyringError, nameOfKek, sameKek } from './keyring.ts'
import type { AwsCredentials } from './sigv4.ts'
import { signV4 } from './sigv4.ts'

export type AwsKmsOptions = {
  /** The key's ARN. Not an alias: it could be pointed at another key. */
  arn: string
  /** Default: the regional endpoint of the ARN's partition. */
  endpoint?: string
  /** Asked for at each call, so that rotated credentials are taken up. */
  credentials: () => Promise<AwsCredentials>
  /** The way out: the egress guard's. */
  fetch: typeof globalThis.fetch
  /** Unix milliseconds, which a request is signed with. */
  now: () => number
  timeoutMs?: number
}

export const kmsArn = /^arn:(aws(?:-[a-z]+)*):kms:([a-z0-9-]+):\d{12}:key\/[A-Za-z0-9-]+$/

/**
 * One key of AWS KMS, named by its ARN; it never leaves AWS. The associated data is the encryption context `stewrd` (base64), which
 * KMS binds to the ciphertext and writes into CloudTrail; it holds ids only.
 */
export function openAwsKms(options: AwsKmsOptions): KeyProvider {
  const kek: KekRef = { id: options.arn, version: 1 }
  const context = (aad: Buffer) => ({ stewrd: aad.toString('base64') })
  return {
    primary: kek,
    keys: [kek],
    async wrap(key, aad) {
      const asked = { KeyId: options.arn, Plaintext: key.toString('base64'), EncryptionContext: context(aad) }
      const { CiphertextBlob } = await call(options, 'Encrypt', asked)
      return { kek, wrapped: Buffer.from(text(CiphertextBlob, options), 'base64') }
    },
    async unwrap(wanted, wrapped, aad) {
      if (!sameKek(wanted, kek))
        throw new KeyringError(
          'KEK_MISSING',
          `The master key ${nameOfKek(wanted)} is not ${options.arn}. Add the one that is missing to STEWRD_KEYRING.`,
          wanted.id,
        )
      const asked = { KeyId: options.arn, CiphertextBlob: wrapped.toString('base64'), EncryptionContext: context(aad) }
      const { Plaintext } = await call(options, 'Decrypt', asked)
      return Buffer.from(text(Plaintext, options), 'base64')
    },
  }
}

async function call(options: AwsKmsOptions, operation: 'Encrypt' | 'Decrypt', asked: object): Promise<Answer> {
  const { arn, credentials, now, timeoutMs = 10_000 } = options
  const [, partition = '', region = ''] = kmsArn.exec(arn) ?? []
  const url = `${options.endpoint ?? endpointOf(partition, region)}/`
  const body = JSON.stringify(asked)
  const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `TrentService.${operation}` }
  const signed = signV4(
    { method: 'POST', url, headers, body },
    { region, service: 'kms', credentials: await credentials(), at: now() },
  )
  const response = await options
    .fetch(url, { method: 'POST', headers: signed, body, signal: AbortSignal.timeout(timeoutMs) })
    .catch((error: unknown) => {
      throw unavailable(options, `could not be reached (${reasonOf(error)})`)
    })
  const answer = (await response.json().catch(() => ({}))) as Answer
  if (response.ok) return answer
  throw refusal(options, response.status, answer)
}

type Answer = { CiphertextBlob?: unknown; Plaintext?: unknown; __type?: unknown }

const endpointOf = (partition: string, region: string) =>
  `https://kms.${region}.amazonaws.com${partition === 'aws-cn' ? '.cn' : ''}`

function text(value: unknown, options: AwsKmsOptions): string {
  if (typeof value === 'string' && value) return value
  throw unavailable(options, 'gave an answer that is not from KMS')
}

/** KMS's own words are not passed on: only the name of the error, which is one of a known list. */
function refusal(options: AwsKmsOptions, status: number, { __type }: Answer): KeyringError {
  const type = typeof __type === 'string' ? __type.split('#').at(-1)! : ''
  if (/^(InvalidCiphertext|IncorrectKey)Exception$/.test(type))
    return new KeyringError(
      'UNWRAP_FAILED',
      `The master key ${options.arn} does not open a stored data key: it was wrapped by another key, or the row was changed.`,
      options.arn,
    )
  if (type === 'NotFoundException' || type === 'DisabledException' || type === 'KMSInvalidStateException')
    return new KeyringError(
      'KEK_MISSING',
      `AWS KMS has no usable key ${options.arn} (${type}). Enable it, cancel its deletion, or correct STEWRD_KEYRING.`,
      options.arn,
    )
  const known = /^[A-Za-z]{1,60}Exception$/.test(type) ? type : `HTTP ${status}`
  return unavailable(options, `refused (${known}). Check the credentials and the key's policy`)
}

const unavailable = ({ arn }: AwsKmsOptions, what: string) =>
  new KeyringError('KEYRING_UNAVAILABLE', `AWS KMS, which holds the master key ${arn}, ${what}.`, arn)

/** Names and codes of the connection; texts of others can quote what was sent. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (!(cause instanceof Error)) return 'unknown'
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.name
}
