import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

/** A bucket on loopback that answers as S3 does, and refuses requests whose signature (version 4) does not fit. */
export async function startBucket({ accessKeyId, secretAccessKey }: { accessKeyId: string; secretAccessKey: string }) {
  const objects = new Map<string, Buffer>()
  let fault: number | undefined
  const server = createServer((request, response) => {
    void handle(request, response).catch(() => response.destroy())
  })

  async function handle(request: IncomingMessage, response: ServerResponse) {
    const url = new URL(request.url!, 'http://bucket')
    const body = await buffer(request)
    if (fault) return answer(response, fault, '<Error><Code>InternalError</Code></Error>')
    if (!isSigned(request, url)) return answer(response, 403, '<Error><Code>SignatureDoesNotMatch</Code></Error>')
    const key = decodeURIComponent(url.pathname.replace(/^\/files\/?/, ''))
    if (request.method === 'PUT') return answer(response, 200, '', void objects.set(key, body))
    if (request.method === 'DELETE') return answer(response, 204, '', void objects.delete(key))
    if (request.method === 'POST' && url.searchParams.has('delete')) return removeAll(response, body.toString())
    if (key === '') return answer(response, 200, listed(url.searchParams.get('prefix') ?? ''))
    const object = objects.get(key)
    if (!object) return answer(response, 404, '<Error><Code>NoSuchKey</Code></Error>')
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
    if (from === undefined) return answer(response, 200, object)
    return answer(response, 206, object.subarray(Number(from), Number(to) + 1))
  }

  function removeAll(response: ServerResponse, xml: string) {
    const keys = [...xml.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) => key!)
    for (const key of keys) objects.delete(key)
    const deleted = keys.map((key) => `<Deleted><Key>${key}</Key></Deleted>`).join('')
    answer(response, 200, `<DeleteResult>${deleted}</DeleteResult>`)
  }

  function listed(prefix: string): string {
    const keys = [...objects.keys()].filter((key) => key.startsWith(prefix))
    const contents = keys.map((key) => `<Contents><Key>${key}</Key><Size>${objects.get(key)!.length}</Size></Contents>`)
    return `<ListBucketResult><Name>files</Name><KeyCount>${keys.length}</KeyCount><IsTruncated>false</IsTruncated>${contents.join('')}</ListBucketResult>`
  }

  function isSigned({ method, headers }: IncomingMessage, url: URL): boolean {
    const [, id, scope, names, signature] =
      /Credential=([^/]+)\/([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]+)/.exec(headers.authorization ?? '') ??
      []
    if (id !== accessKeyId || !scope || !names) return false
    const query = [...url.searchParams].map(([k, v]) => `${encode(k)}=${encode(v)}`).sort()
    const signed = names.split(';').map((name) => `${name}:${String(headers[name]).trim()}`)
    const hash = String(headers['x-amz-content-sha256'])
    const canonical = [method, url.pathname, query.join('&'), ...signed, '', names, hash].join('\n')
    const toSign = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(canonical)].join('\n')
    const key = scope.split('/').reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`)
    return hmac(key, toSign).toString('hex') === signature
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    host,
    endpoint: `http://${host}/files`,
    objects,
    /** The status that every request gets from now on. */
    fail: (status: number | undefined) => (fault = status),
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

function answer(response: ServerResponse, status: number, body: string | Buffer, _done?: void) {
  response.writeHead(status, typeof body === 'string' ? { 'content-type': 'application/xml' } : {}).end(body)
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()
const encode = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
