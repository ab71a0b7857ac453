import { lengthPrefixed } from './bytes.ts'
import type { DataKey } from './data-key.ts'
import { EnvelopeError, open, seal } from './gcm.ts'
import { pad, unpad } from './padding.ts'
import { Secret } from './secret.ts'

/** A provider key is bound to the base URL that it was saved for: it opens for no other host. */
export type SecretAad = { accountId: string; projectId: string; baseUrl: string; dekId: string }

const FORMAT = 'stewrd/secret/v1'
const NO_PREFIX = new Uint8Array(0)

export function sealSecret(key: DataKey, aad: SecretAad, secret: Secret): Buffer {
  checkKey(key, aad)
  return seal(key.key, aadBytes(aad), pad(NO_PREFIX, Buffer.from(secret.reveal(), 'utf8')))
}

export function openSecret(key: DataKey, aad: SecretAad, sealed: Uint8Array): Secret {
  checkKey(key, aad)
  const padded = open(key.key, aadBytes(aad), sealed)
  const secret = new Secret(unpad(padded, 0).payload.toString('utf8'))
  padded.fill(0)
  return secret
}

const aadBytes = (a: SecretAad) => lengthPrefixed([FORMAT, a.accountId, a.projectId, a.baseUrl, a.dekId])

function checkKey(key: DataKey, aad: SecretAad) {
  if (key.purpose !== 'secret' || key.id !== aad.dekId) throw new EnvelopeError('WRONG_KEY')
}
