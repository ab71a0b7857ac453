import { createHash, randomUUID } from 'node:crypto'
import type { FileAnswer } from '@stewrd/core/files/wire.ts'
import type { RunAnswer } from '@stewrd/core/runs/wire.ts'
import { afterAll, beforeAll, expect } from 'vitest'
import type { Bed, Side } from './testing/bed.ts'
import { openBed } from './testing/bed.ts'
import { eventsOf, nullsIn, pythonAnswer } from './testing/clients.ts'
import { conforms, conformsOnBoth } from './testing/conform.ts'

let bed: Bed
beforeAll(async () => {
  bed = await openBed()
  for (const { projectId } of Object.values(bed.sides))
    await bed.client.projects.changeCapabilities.mutate({ projectId, capabilities: ['chat', 'files', 'data'] })
}, 60_000)
afterAll(() => bed?.close())
const theBed = () => bed

type Body = FileAnswer & { error: { code: string; docs: string } }
async function upload(name: string, content: string, apiKey = bed.sides.double.apiKey): Promise<Body> {
  const form = new FormData()
  form.append('file', new Blob([content]), name)
  const headers = { authorization: `Bearer ${apiKey}` }
  const response = await fetch(`${bed.server.url}/v1/files`, { method: 'POST', headers, body: form })
  const body = (await response.json()) as Body
  expect([response.status, body.error]).toEqual([201, undefined])
  return body
}
const errorOf = async (response: Response) => {
  const { code, docs } = ((await response.json()) as Body).error
  expect(docs).toMatch(new RegExp(`/docs/errors#${code}$`))
  return [response.status, code]
}
const forged = (url: string, name: string, value: string) => {
  const changed = new URL(url)
  changed.searchParams.set(name, value)
  return fetch(changed)
}

conforms('endpoint: POST /v1/files', async () => {
  const body = await upload('notes.txt', 'Äpfel')
  expect(body).toMatchObject({ object: 'file', name: 'notes.txt', bytes: 6 })
  expect(body.sha256).toBe(createHash('sha256').update('Äpfel').digest('hex'))
  expect(nullsIn(body)).toEqual([])
  expect(await errorOf(await bed.call('POST', '/v1/files', { name: 'a.txt' }))).toEqual([400, 'invalid_body'])
})

conforms('endpoint: GET /v1/files/{id}', async () => {
  const { id, sha256 } = await upload('notes.txt', 'x')
  const response = await bed.call('GET', `/v1/files/${id}`)
  expect([response.status, await response.json()]).toMatchObject([200, { id, sha256, name: 'notes.txt' }])
})

conforms('endpoint: DELETE /v1/files/{id}', async () => {
  const { id, url } = await upload('notes.txt', 'x')
  const response = await bed.call('DELETE', `/v1/files/${id}`)
  expect([response.status, await response.json()]).toEqual([200, { id, object: 'file', deleted: true }])
  expect(await errorOf(await fetch(url))).toEqual([404, 'file_not_found'])
})

conforms('endpoint: GET /v1/files/{id}/content', async () => {
  const { id } = await upload('notes.txt', 'with the key')
  expect(await (await bed.call('GET', `/v1/files/${id}/content`)).text()).toBe('with the key')
})

conforms('files: a signed URL, without a key in it, for 24 hours', async () => {
  const { url, url_expires_at: expires } = await upload('<b>.html', '<script>1</script>')
  for (const secret of [bed.sides.double.apiKey, bed.sides.double.projectId]) expect(url).not.toContain(secret)
  expect(Math.abs(Date.parse(expires) - Date.now() - 24 * 3_600_000)).toBeLessThan(60_000)
  const { status, headers } = await fetch(url)
  expect([status, headers.get('x-content-type-options')]).toEqual([200, 'nosniff'])
  expect(headers.get('content-disposition')).toMatch(/^attachment;/)
  expect(headers.get('content-security-policy')).toContain('sandbox')
})

conforms('error: file_not_found', async () => {
  const { id } = await upload('notes.txt', 'x')
  const other = await bed.newProject(null)
  for (const one of [id, randomUUID(), 'nonsense'])
    expect(await errorOf(await bed.call('GET', `/v1/files/${one}`, undefined, other))).toEqual([404, 'file_not_found'])
})

conforms('error: file_url_invalid', async () => {
  const { url } = await upload('notes.txt', 'x')
  for (const [name, value] of [
    ['name', 'other.html'],
    ['expires', '99999999999'],
    ['signature', 'x'],
  ] as const)
    expect(await errorOf(await forged(url, name, value))).toEqual([403, 'file_url_invalid'])
})

conforms(
  'error: file_url_expired',
  async () => {
    const { url } = await upload('notes.txt', 'x')
    await bed.moveTime(24 * 3600 + 60)
    expect(await errorOf(await fetch(url))).toEqual([410, 'file_url_expired'])
    await bed.moveTime(0)
  },
  60_000,
)

conformsOnBoth('request: files by content_base64 and by file_id', theBed, async (side) => {
  const { id } = await upload('kept.txt', 'from the upload', side.apiKey)
  const files = [
    { name: 'sent.txt', content_base64: Buffer.from('from base64').toString('base64') },
    { file_id: id },
    { name: 'plain.txt', content: 'from the text' },
  ]
  const response = await bed.call('POST', '/v1/agent', { message: 'Read', files, stream: false }, side)
  expect(response.status).toBe(200)
  const said = side.model.asked()!.messages!.at(-1)!.content
  for (const name of ['sent.txt', 'kept.txt', 'plain.txt']) expect(said).toContain(name)
  const theirs = [{ file_id: (await upload('their.pdf', 'x', bed.sides.neutral.apiKey)).id }]
  const { apiKey } = await bed.newProject(side.model)
  const refused = await bed.call('POST', '/v1/agent', { message: 'Read', files: theirs }, { apiKey })
  expect(await errorOf(refused)).toEqual([400, 'invalid_body'])
})

/** The model writes a text file and makes a table, then answers. */
function working({ model }: Side) {
  const call = (id: string, name: string, args: object) => ({ id, name, arguments: JSON.stringify(args) })
  model.reply(({ messages = [] }) =>
    messages.at(-1)!.role === 'tool'
      ? { content: 'Here it is.' }
      : {
          toolCalls: [
            call('c1', 'write_file', { name: 'summary.md', content: '# Sum: 3' }),
            call('c2', 'query_data', { files: ['t.csv'], sql: 'select * from t', save_as: 'out.xlsx' }),
          ],
        },
  )
}
const work = { message: 'Sum it up', files: [{ name: 't.csv', content: 'a,b\n1,2\n' }] }

conformsOnBoth('answer: text files carry content, binary ones only a url', theBed, async (side) => {
  working(side)
  const response = await bed.call('POST', '/v1/agent', { ...work, stream: false }, side)
  const body = (await response.json()) as RunAnswer
  expect(body).toMatchObject({ status: 'completed', message: 'Here it is.' })
  expect(body.capabilities_used.toSorted()).toEqual(['chat', 'data', 'files'])
  const [text, binary] = body.files.toSorted((a, b) => b.name.localeCompare(a.name))
  expect(text).toMatchObject({ name: 'summary.md', content: '# Sum: 3' })
  expect(binary).toEqual({ name: 'out.xlsx', url: expect.stringMatching(/^http/) as string })
  const fetched = Buffer.from(await (await fetch(binary!.url!)).arrayBuffer())
  expect(fetched.subarray(0, 2).toString()).toBe('PK')
  expect(pythonAnswer(body).files).toHaveLength(2)
  expect(nullsIn(body)).toEqual([])
})

conformsOnBoth('stream: tool_start has tool and message, tool_end has tool', theBed, async (side) => {
  working(side)
  const text = await (await bed.call('POST', '/v1/agent', { ...work, stream: true }, side)).text()
  const events = eventsOf(text).filter(({ event }) => event.startsWith('tool_'))
  const starts = events.filter(({ event }) => event === 'tool_start').map(({ data }) => data)
  expect(starts).toEqual([
    { tool: 'write_file', message: expect.any(String) as string },
    { tool: 'query_data', message: expect.any(String) as string },
  ])
  const ends = events.filter(({ event }) => event === 'tool_end').map(({ data }) => data)
  expect(new Set(ends.map(({ tool }) => tool))).toEqual(new Set(['write_file', 'query_data']))
  expect(ends.map((data) => Object.keys(data))).toEqual([['tool'], ['tool']])
  expect(eventsOf(text).at(-1)).toMatchObject({ event: 'done', data: { credits_this_request: 1 + 1 + 2 } })
})
