import { createHash, createHmac } from 'node:crypto'
import type { Secret } from './secret.ts'

export type AwsCredentials = { accessKeyId: string; secretAccessKey: Secret; sessionToken?: Secret }

/** A request to sign. Header names are lower case; `host` is signed too, and is sent by whoever sends the request. */
export type Signable = { method: string; url: string; headers: Record<string, string>; body: string }

/** The request's headers with AWS Signature Version 4. `at` is unix milliseconds. */
export function signV4(
  { method, url, headers, body }: Signable,
  { region, service, credentials, at }: { region: string; service: string; credentials: AwsCredentials; at: number },
): Record<string, string> {
  const { host, pathname, searchParams } = new URL(url)
  const time = new Date(at).toISOString().replace(/[-:]|\.\d{3}/g, '')
  const scope = `${time.slice(0, 8)}/${region}/${service}/aws4_request`
  const token = credentials.sessionToken?.reveal()
  const sent = { ...headers, 'x-amz-date': time, ...(token === undefined ? {} : { 'x-amz-security-token': token }) }
  const all = Object.entries({ ...sent, host }).sort(byName)
  const signed = all.map(([name]) => name).join(';')
  const canonical = [
    method,
    pathname,
    [...searchParams]
      .sort(byName)
      .map(([name, value]) => `${encode(name)}=${encode(value)}`)
      .join('&'),
    ...all.map(([name, value]) => `${name}:${value.trim().replace(/ +/g, ' ')}`),
    '',
    signed,
    sha256(body),
  ].join('\n')
  const toSign = ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n')
  const key = scope.split('/').reduce<string | Buffer>(hmac, `AWS4${credentials.secretAccessKey.reveal()}`)
  const signature = hmac(key, toSign).toString('hex')
  const authorization = `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${signed}, Signature=${signature}`
  return { ...sent, authorization }
}

const byName = ([a]: [string, string], [b]: [string, string]) => (a < b ? -1 : 1)
const sha256 = (text: string) => createHash('sha256').update(text, 'utf8').digest('hex')
const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text, 'utf8').digest()
const encode = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
