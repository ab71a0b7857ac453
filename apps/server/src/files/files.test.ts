import { createHash, randomBytes } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Readable } from 'node:stream'
import type { FileAnswer } from '@stewrd/core/files/wire.ts'
import { fileStream } from '@stewrd/core/files/files.ts'
import type { ProjectLimits } from '@stewrd/core/projects/limits.ts'
import { StoreUnavailable } from '@stewrd/core/kernel/execute.ts'
import { noLimits } from '@stewrd/core/projects/limits.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Bed } from '../runs/v1.testing.ts'
import { openBed } from '../runs/v1.testing.ts'
import { FileService } from './service.ts'
import { fileUrls } from './signed-url.ts'

let bed: Bed
beforeAll(async () => {
  bed = await openBed({ variables: { STEWRD_FILE_LIMIT_MB: '1' } })
})
afterAll(() => bed?.close())

type Body = FileAnswer & { error: { code: string; message: string; docs: string } }

const bearer = (apiKey = bed.project.apiKey) => ({ authorization: `Bearer ${apiKey}` })
const call = (path: string, init: RequestInit = {}, apiKey?: string) =>
  fetch(path.startsWith('http') ? path : `${bed.server.url}/v1/files${path}`, {
    ...init,
    headers: { ...bearer(apiKey), ...(init.headers as Record<string, string>) },
  })
const open = (url: string, headers: Record<string, string> = {}) => fetch(url, { headers })

async function upload(name: string, content: Buffer | string, apiKey?: string) {
  const form = new FormData()
  form.append('file', new Blob([new Uint8Array(Buffer.from(content))]), name)
  const response = await call('', { method: 'POST', body: form }, apiKey)
  return { status: response.status, headers: response.headers, body: (await response.json()) as Body }
}
const errorOf = async (response: Response) => {
  const { error } = (await response.json()) as Body
  return [response.status, error.code]
}

test('an uploaded file is described, and fetched by its URL without a key', async () => {
  const content = randomBytes(200_000)
  const { status, headers, body } = await upload('Bericht über Öl.pdf', content)
  expect(status).toBe(201)
  expect(headers.get('location')).toBe(`/v1/files/${body.id}`)
  const sha256 = createHash('sha256').update(content).digest('hex')
  expect(body).toMatchObject({
    object: 'file',
    name: 'Bericht über Öl.pdf',
    bytes: 200_000,
    media_type: 'application/pdf',
    sha256,
  })
  expect(body.url).not.toContain(bed.project.apiKey)
  expect(body.url).not.toContain(bed.project.projectId)
  const fetched = await open(body.url)
  expect(fetched.status).toBe(200)
  expect(Object.fromEntries(fetched.headers)).toMatchObject({
    'content-type': 'application/pdf',
    'content-length': '200000',
    'content-disposition': `attachment; filename="Bericht ?ber ?l.pdf"; filename*=UTF-8''Bericht%20%C3%BCber%20%C3%96l.pdf`,
    'content-security-policy': "sandbox; default-src 'none'",
    'x-content-type-options': 'nosniff',
    etag: `"${sha256}"`,
  })
  expect(Buffer.from(await fetched.arrayBuffer()).equals(content)).toBe(true)
  const again = await call(`/${body.id}`)
  expect(await again.json()).toMatchObject({ id: body.id, sha256 })
  expect((await call(`/${body.id}/content`)).status).toBe(200)
})

test('ranges, and what the client has already', async () => {
  const content = randomBytes(150_000)
  const { body } = await upload('a.bin', content)
  for (const [range, from, to] of [
    ['bytes=0-0', 0, 1],
    ['bytes=65535-65536', 65_535, 65_537],
    ['bytes=70000-', 70_000, 150_000],
    ['bytes=-5', 149_995, 150_000],
  ] as const) {
    const part = await open(body.url, { range })
    expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes ${from}-${to - 1}/150000`])
    expect(Buffer.from(await part.arrayBuffer()).equals(content.subarray(from, to))).toBe(true)
  }
  const beyond = await open(body.url, { range: 'bytes=150000-' })
  expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, 'bytes */150000'])
  const several = await open(body.url, { range: 'bytes=0-1,5-6' })
  expect([several.status, (await several.arrayBuffer()).byteLength]).toEqual([200, 150_000])
  const other = await open(body.url, { range: 'bytes=0-1', 'if-range': '"other"' })
  expect(other.status).toBe(200)
  expect((await open(body.url, { 'if-none-match': `"${body.sha256}"` })).status).toBe(304)
})

test('an empty file is a file', async () => {
  const { status, body } = await upload('empty.txt', '')
  expect([status, body.bytes]).toEqual([201, 0])
  expect(await (await open(body.url)).text()).toBe('')
})

test('a URL is good for its own file and name only, and for 24 hours', async () => {
  const one = (await upload('one.txt', 'one')).body
  const two = (await upload('two.txt', 'two')).body
  const forged = (change: (url: URL) => void) => {
    const url = new URL(one.url)
    change(url)
    return open(url.href)
  }
  const renamed = (url: URL) => url.searchParams.set('name', 'evil.html')
  const longer = (url: URL) => url.searchParams.set('expires', String(Number(url.searchParams.get('expires')) + 1))
  const moved = (url: URL) => (url.pathname = new URL(two.url).pathname)
  const cut = (url: URL) => url.searchParams.delete('signature')
  for (const change of [renamed, longer, moved, cut])
    expect(await errorOf(await forged(change))).toEqual([403, 'file_url_invalid'])
  const key = await bed.tested.platform.dataKeys.deploymentKey('file-url')
  const madeAgo = (ms: number) => bed.server.url + fileUrls(key, () => Date.now() - ms).path(one.id, 'one.txt')
  const day = 24 * 3_600_000
  expect((await open(madeAgo(day - 60_000))).status).toBe(200)
  expect(await errorOf(await open(madeAgo(day + 1_000)))).toEqual([410, 'file_url_expired'])
})

test('another project sees nothing of it; a removed file is gone everywhere', async () => {
  const { body } = await upload('mine.txt', 'mine')
  const other = await bed.newProject()
  for (const path of [`/${body.id}`, `/${body.id}/content`])
    expect(await errorOf(await call(path, {}, other.apiKey))).toEqual([404, 'file_not_found'])
  expect(await errorOf(await call(`/${body.id}`, { method: 'DELETE' }, other.apiKey))).toEqual([404, 'file_not_found'])
  const before = await objects()
  expect(await (await call(`/${body.id}`, { method: 'DELETE' })).json()).toEqual({
    id: body.id,
    object: 'file',
    deleted: true,
  })
  expect(await objects()).toHaveLength(before.length - 1)
  expect(await errorOf(await open(body.url))).toEqual([404, 'file_not_found'])
  expect(await errorOf(await call(`/${body.id}`, { method: 'DELETE' }))).toEqual([404, 'file_not_found'])
  expect(await errorOf(await call('/no-id'))).toEqual([404, 'file_not_found'])
})

const objects = async () => {
  const entries = await readdir(join(bed.tested.env.home, 'files'), { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

test('what lies in the storage is sealed, and one changed byte is never given out', async () => {
  const { body } = await upload('secret.txt', 'SENTINEL-content'.repeat(10_000))
  const path = (await objects()).find((one) => one.endsWith(body.id))!
  const sealed = await readFile(path)
  expect(sealed.includes('SENTINEL')).toBe(false)
  await writeFile(path, Buffer.concat([sealed.subarray(0, 100), Buffer.of(sealed[100]! ^ 1), sealed.subarray(101)]))
  expect(await errorOf(await open(body.url))).toEqual([502, 'compute_error'])
  await writeFile(path, sealed.subarray(0, -40_000))
  expect(await errorOf(await open(body.url, { range: 'bytes=159000-' }))).toEqual([502, 'compute_error'])
})

test('a file whose event was written is there, though the answer to that was lost', async () => {
  const { accountId, now, store, dataKeys, files } = bed.tested.platform
  const { projectId } = bed.project
  const { storage, quota } = files
  const lost: typeof store.execute = async (...of) => {
    await store.execute(...of)
    throw new StoreUnavailable('no answer in time')
  }
  const head = store.head.bind(store)
  const service = new FileService({
    accountId,
    now,
    storage,
    maxBytes: 1000,
    quota,
    dataKeys,
    store: { execute: lost, head },
  })
  const about = { projectId, name: 'kept.txt', origin: 'upload', runId: null } as const
  const before = new Set(await objects())
  const author = { actor: 'user:test' }
  await expect(service.keep(about, Readable.from([Buffer.from('kept')]), (append) => append(author))).rejects.toThrow(
    StoreUnavailable,
  )
  const [path] = (await objects()).filter((one) => !before.has(one))
  const id = { projectId, fileId: basename(path!) }
  const file = await service.find(id)
  expect((await service.content(id, file!)).toString()).toBe('kept')
})

test('its event says what came, and who sent it', async () => {
  const { body } = await upload('a.csv', 'a,b\n')
  const { accountId, store } = bed.tested.platform
  const [stored] = await store.read({ accountId, projectId: bed.project.projectId, stream: fileStream(body.id) })
  expect(stored).toMatchObject({
    actor: expect.stringMatching(/^api-key:/),
    event: {
      type: 'FileStored',
      data: { name: 'a.csv', bytes: 4, mediaType: 'text/csv', origin: 'upload', runId: null },
    },
  })
})

test.each([
  ['no form', { body: '{}', headers: { 'content-type': 'application/json' } }, [400, 'invalid_body']],
  ['no body', {}, [400, 'invalid_body']],
  [
    'a form without its boundary',
    { body: 'x', headers: { 'content-type': 'multipart/form-data' } },
    [400, 'invalid_body'],
  ],
  [
    'a form that breaks off',
    {
      body: '--b\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhalf',
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
    },
    [400, 'invalid_body'],
  ],
  [
    'a form without a file',
    {
      body: '--b\r\ncontent-disposition: form-data; name="a"\r\n\r\nx\r\n--b--\r\n',
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
    },
    [400, 'invalid_body'],
  ],
])('%s is refused', async (_what, init, expected) => {
  const before = (await objects()).length
  expect(await errorOf(await call('', { method: 'POST', ...init }))).toEqual(expected)
  expect(await objects()).toHaveLength(before)
})

test('a file that is too large, or has no good name, leaves nothing', async () => {
  const before = (await objects()).length
  const large = await upload('large.bin', randomBytes(1024 * 1024 + 1))
  expect([large.status, large.body.error.code]).toEqual([413, 'payload_too_large'])
  expect(large.body.error.message).toBe('A file may have at most 1 MB.')
  expect((await upload('exact.bin', randomBytes(1024 * 1024))).status).toBe(201)
  const nameless = await upload('README', 'x')
  expect([nameless.status, nameless.body.error.code]).toEqual([400, 'invalid_body'])
  expect(await objects()).toHaveLength(before + 1)
})

test('without a key, or with a wrong one, nothing is read', async () => {
  const form = new FormData()
  form.append('file', new Blob(['x']), 'a.txt')
  const response = await call('', { method: 'POST', body: form }, 'sk-stw_wrong')
  expect(await errorOf(response)).toEqual([401, 'invalid_api_key'])
})

test('a project keeps as many files and bytes as it may, however many come at once; what is removed makes place', async () => {
  const { projectId, apiKey } = await bed.newProject()
  const limit = (limits: Partial<ProjectLimits>) =>
    bed.server.client.projects.changeLimits.mutate({ projectId, limits: { ...noLimits, ...limits } })
  const kept = async () => (await bed.server.client.projects.usage.query({ projectId })).kept
  await limit({ storedFiles: 4 })
  const many = await Promise.all(Array.from({ length: 10 }, (_, i) => upload(`${i}.bin`, randomBytes(1000), apiKey)))
  const [stored, refused] = [many.filter((one) => one.status === 201), many.filter((one) => one.status === 413)]
  expect([stored.length, refused.length]).toEqual([4, 6])
  expect(refused[0]!.body.error).toMatchObject({
    code: 'storage_limit_reached',
    message: expect.stringContaining('4 files of 4') as string,
  })
  expect(await kept()).toMatchObject({ files: 4, bytes: 4000 })
  // Nothing of those that were refused lies in the storage.
  const folder = join(bed.tested.env.home, 'files', bed.tested.platform.accountId, projectId)
  expect(await readdir(folder)).toHaveLength(4)

  expect((await call(`/${stored[0]!.body.id}`, { method: 'DELETE' }, apiKey)).status).toBe(200)
  expect((await upload('again.bin', randomBytes(1000), apiKey)).status).toBe(201)
  await limit({ storedMegabytes: 1 })
  expect((await upload('large.bin', randomBytes(1_044_577), apiKey)).status).toBe(413)
  expect((await upload('fits.bin', randomBytes(1_044_576), apiKey)).status).toBe(201)
  expect(await kept()).toMatchObject({ files: 5, bytes: 1_048_576 })
  const { limits, stored: told } = (await (
    await fetch(`${bed.server.url}/v1/usage`, { headers: bearer(apiKey) })
  ).json()) as {
    limits: Record<string, number>
    stored: object
  }
  expect([limits['stored_bytes'], told]).toEqual([1_048_576, { files: 5, bytes: 1_048_576 }])
})

test('files of a message count too, and those of a run that does not begin are not kept', async () => {
  const { projectId, apiKey } = await bed.newProject()
  await bed.server.client.projects.changeCapabilities.mutate({ projectId, capabilities: ['chat', 'files'] })
  await bed.server.client.projects.changeLimits.mutate({ projectId, limits: { ...noLimits, storedFiles: 2 } })
  const pdf = (name: string) => ({ name, content_base64: randomBytes(500).toString('base64') })
  const response = await bed.post({ message: 'Hi', files: [pdf('a.pdf'), pdf('b.pdf'), pdf('c.pdf')] }, { apiKey })
  expect([response.status, ((await response.json()) as Body).error.code]).toEqual([413, 'storage_limit_reached'])
  const { kept } = await bed.server.client.projects.usage.query({ projectId })
  expect(kept).toMatchObject({ files: 0, bytes: 0 })
})
