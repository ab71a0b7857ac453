import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { AwsV4Signer } from 'aws4fetch'

export const kmsCredentials = {
  accessKeyId: 'AKIDTEST',
  secretAccessKey: 'double/secret/access/key',
  sessionToken: 'session',
}
const arnOf = (n: number) => `arn:aws:kms:eu-central-1:123456789012:key/0000000${n}-aaaa-bbbb-cccc-dddddddddddd`

export type KmsDouble = {
  endpoint: string
  arns: readonly string[]
  /** Operation and encryption context of every call that was signed rightly. */
  calls: { operation: string; context: unknown }[]
  refused: string[]
  close(): Promise<void>
}

type Asked = { KeyId: string; Plaintext?: string; CiphertextBlob?: string; EncryptionContext?: unknown }
type Answer = { status: number; body: object }

/** KMS as far as Encrypt and Decrypt go: checks the signature with another implementation, and binds the encryption context. */
export async function startKmsDouble(): Promise<KmsDouble> {
  const keys = new Map([arnOf(1), arnOf(2)].map((arn) => [arn, randomBytes(32)]))
  const calls: KmsDouble['calls'] = []
  const refused: string[] = []
  const server = createServer((request, response) => {
    void answer(request).then(({ status, body }) => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const endpoint = `http://127.0.0.1:${port}`

  const error = (type: string, status = 400): Answer => {
    refused.push(type)
    return { status, body: { __type: `com.amazonaws.kms#${type}`, message: 'A text that quotes the request.' } }
  }
  async function answer(request: IncomingMessage): Promise<Answer> {
    const body = (await buffer(request)).toString('utf8')
    if (!(await isSigned(request, `${endpoint}${request.url}`, body))) return error('InvalidSignatureException')
    const asked = JSON.parse(body) as Asked
    const operation = String(request.headers['x-amz-target']).replace('TrentService.', '')
    const key = keys.get(asked.KeyId)
    if (!key) return error('NotFoundException')
    calls.push({ operation, context: asked.EncryptionContext })
    const aad = createHash('sha256')
      .update(JSON.stringify(asked.EncryptionContext ?? {}))
      .digest()
    if (operation === 'Encrypt')
      return { status: 200, body: { KeyId: asked.KeyId, CiphertextBlob: encrypt(key, aad, asked.Plaintext!) } }
    const opened = decrypt(key, aad, asked.CiphertextBlob!)
    return opened === undefined
      ? error('InvalidCiphertextException')
      : { status: 200, body: { KeyId: asked.KeyId, Plaintext: opened } }
  }
  const close = async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
  return { endpoint, arns: [...keys.keys()], calls, refused, close }
}

/** Signs what came in once more, with aws4fetch and the time that it carries, and compares. */
async function isSigned({ method, headers }: IncomingMessage, url: string, body: string): Promise<boolean> {
  const datetime = String(headers['x-amz-date'])
  const signer = new AwsV4Signer({
    ...kmsCredentials,
    method: method!,
    url,
    body,
    headers: { 'content-type': headers['content-type']!, 'x-amz-target': String(headers['x-amz-target']) },
    service: 'kms',
    region: 'eu-central-1',
    datetime,
    allHeaders: true,
  })
  return (
    (await signer.authHeader()) === headers.authorization &&
    headers['x-amz-security-token'] === kmsCredentials.sessionToken
  )
}

function encrypt(key: Buffer, aad: Buffer, plaintext: string): string {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 }).setAAD(aad)
  const sealed = [cipher.update(Buffer.from(plaintext, 'base64')), cipher.final()]
  return Buffer.concat([nonce, ...sealed, cipher.getAuthTag()]).toString('base64')
}

function decrypt(key: Buffer, aad: Buffer, ciphertext: string): string | undefined {
  const bytes = Buffer.from(ciphertext, 'base64')
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12), { authTagLength: 16 }).setAAD(aad)
    decipher.setAuthTag(bytes.subarray(-16))
    return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString('base64')
  } catch {
    return undefined
  }
}
