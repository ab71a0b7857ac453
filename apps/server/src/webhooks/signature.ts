import { createHmac, randomBytes } from 'node:crypto'
import { Secret } from '@stewrd/crypto/secret.ts'

/** `whsec_` and 32 random bytes in base64url. */
export const newSigningSecret = () => new Secret(`whsec_${randomBytes(32).toString('base64url')}`)

/** `t=<unix seconds>,v1=<hex>`, with one `v1` for each secret: while a secret is being replaced, both sign. */
export const signatureOf = (secrets: readonly Secret[], unixSeconds: number, body: string): string =>
  [`t=${unixSeconds}`, ...secrets.map((secret) => `v1=${hmac(secret, `${unixSeconds}.${body}`)}`)].join(',')

const hmac = (secret: Secret, text: string) => createHmac('sha256', secret.reveal()).update(text).digest('hex')
