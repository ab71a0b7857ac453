import { readFileSync } from 'node:fs'
import type { UpstreamRequest } from '@stewrd/runtime/testing/upstream.ts'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Answer, Bed } from './v1.testing.ts'
import { frames, openBed } from './v1.testing.ts'

let bed: Bed
let asked: UpstreamRequest[] = []
beforeAll(async () => {
  bed = await openBed()
  await enable(['chat', 'data', 'files'])
})
afterAll(() => bed?.close())
afterEach(() => bed.upstream.reply(undefined))

type Ran = Answer & { files: { name: string; content?: string; url?: string }[]; capabilities_used: string[] }
const enable = (capabilities: ('chat' | 'data' | 'files')[]) =>
  bed.server.client.projects.changeCapabilities.mutate({ projectId: bed.project.projectId, capabilities })
const fixture = (name: string) => readFileSync(new URL(`../../../../testdata/files/${name}`, import.meta.url))

async function run(body: Record<string, unknown>, path = '/v1/agent') {
  const response = await fetch(bed.server.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${bed.project.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ stream: false, ...body }),
  })
  return { status: response.status, body: (await response.json()) as Ran }
}

async function upload(name: string, content: Buffer): Promise<string> {
  const form = new FormData()
  form.append('file', new Blob([new Uint8Array(content)]), name)
  const headers = { authorization: `Bearer ${bed.project.apiKey}` }
  const response = await fetch(`${bed.server.url}/v1/files`, { method: 'POST', headers, body: form })
  return ((await response.json()) as { id: string }).id
}

/** The model calls these tools, one in each answer, and then tells what it was told last. */
function scripted(...calls: { name: string; args: unknown }[]) {
  asked = []
  bed.upstream.reply((request) => {
    asked.push(request)
    const call = calls[asked.length - 1]
    if (call)
      return { toolCalls: [{ id: `call_${asked.length}`, name: call.name, arguments: JSON.stringify(call.args) }] }
    return { content: `Told: ${request.messages!.at(-1)!.content}` }
  })
}
const lastUser = () => asked[0]!.messages!.findLast(({ role }) => role === 'user')!.content
const offered = () => (asked[0]!.tools as { function: { name: string } }[] | undefined)?.map((t) => t.function.name)

test('a PDF that was uploaded is read with a tool', async () => {
  const file_id = await upload('report.pdf', fixture('report.pdf'))
  scripted({ name: 'read_file', args: { file: 'report.pdf' } })
  const { status, body } = await run({ message: 'Sum it up.', files: [{ file_id }] })
  expect(status).toBe(200)
  expect(lastUser()).toBe('Sum it up.\n\n<file name="report.pdf" />')
  expect(offered()).toEqual(['read_file', 'write_file', 'describe_data', 'query_data'])
  expect(body.message).toContain('Revenue grew by 12 percent.')
  expect(body.capabilities_used).toEqual(['chat', 'data', 'files'])
})

test('bytes in base64: a text is part of the message, anything else is stored', async () => {
  scripted({ name: 'read_file', args: { file: 'letter.docx' } })
  const { body } = await run({
    message: 'Read.',
    files: [
      { name: 'notes.txt', content_base64: Buffer.from('Grüße').toString('base64') },
      { name: 'letter.docx', content_base64: fixture('letter.docx').toString('base64') },
    ],
  })
  expect(lastUser()).toBe('Read.\n\n<file name="notes.txt">\nGrüße\n</file>\n\n<file name="letter.docx" />')
  expect(body.message).toContain('the contract ends in March 2027')
})

test('what tools make is in the answer: texts with their content, others with a URL', async () => {
  const csv = { name: 'a.csv', content: 'city,amount\nRome,7\nBerlin,12\n' }
  const sql = 'select * from a order by amount desc'
  scripted(
    { name: 'query_data', args: { files: ['a.csv'], sql, save_as: 'sorted.csv' } },
    { name: 'query_data', args: { files: ['sorted.csv'], sql: 'select * from sorted', save_as: 'sorted.xlsx' } },
  )
  const { body } = await run({ message: 'Sort.', files: [csv] })
  const [text, book] = body.files
  expect(text).toEqual({ name: 'sorted.csv', content: 'city,amount\nBerlin,12\nRome,7\n' })
  expect(Object.keys(book!)).toEqual(['name', 'url'])
  const fetched = await fetch(book!.url!)
  expect(fetched.headers.get('content-disposition')).toBe('attachment; filename=sorted.xlsx')
  expect(
    Buffer.from(await fetched.arrayBuffer())
      .subarray(0, 2)
      .toString(),
  ).toBe('PK')
  const later = await fetch(`${bed.server.url}/v1/agent/${body.id}`, {
    headers: { authorization: `Bearer ${bed.project.apiKey}` },
  })
  expect(((await later.json()) as Ran).files.map(({ name }) => name)).toEqual(['sorted.csv', 'sorted.xlsx'])
})

test('a stream tells each tool, and ends with the files', async () => {
  scripted({ name: 'write_file', args: { name: 'hi.md', content: '# Hi' } })
  const response = await bed.post({ message: 'Write.', stream: true })
  const all = frames(await response.text()).filter(({ event }) => event !== 'token')
  expect(all.map(({ event }) => event)).toEqual(['tool_start', 'tool_end', 'done'])
  expect(all[0]!.data).toEqual({ tool: 'write_file', message: 'Writing hi.md' })
  expect((all[2]!.data as unknown as Ran).files).toEqual([{ name: 'hi.md', content: '# Hi' }])
})

test('a tool that cannot do it tells the model, and the run goes on', async () => {
  scripted({ name: 'read_file', args: { file: 'nothing.pdf' } })
  const { status, body } = await run({ message: 'Read.' })
  expect([status, body.message]).toEqual([200, 'Told: There is no file "nothing.pdf". There are no files.'])
})

test('a later message of a session sees the files of an earlier one', async () => {
  const opened = await run({}, '/v1/sessions')
  const messages = `/v1/sessions/${opened.body.id}/messages`
  scripted({ name: 'write_file', args: { name: 'list.csv', content: 'a\n1\n2\n' } })
  await run({ message: 'First.', files: [{ name: 'notes.txt', content: 'Ada' }] }, messages)
  scripted({ name: 'query_data', args: { files: ['list.csv'], sql: 'select sum(a) as total from list' } })
  const { body } = await run({ message: 'Second.' }, messages)
  expect(asked[0]!.messages!.slice(1, 4).map(({ content }) => content)).toEqual([
    'First.\n\n<file name="notes.txt">\nAda\n</file>\n\n<file name="list.csv">\na\n1\n2\n\n</file>',
    'Told: Wrote list.csv, 6 bytes.',
    'Second.',
  ])
  expect(body.message).toBe('Told: 1 row.\n["total"]\n[3]')
})

test('a run without the capability refuses what it could not read, and keeps nothing', async () => {
  const pdf = { name: 'report.pdf', content_base64: fixture('report.pdf').toString('base64') }
  const count = async () => bed.tested.platform.files.storage.count(bed.tested.platform.accountId)
  const before = await count()
  const refused = await run({ message: 'Read.', files: [pdf], capabilities: ['chat'] })
  expect([refused.status, refused.body.error]).toMatchObject([
    400,
    {
      code: 'invalid_body',
      message:
        'The field "files.0" is not valid: reading report.pdf needs the capability “files”, which this run does not have.',
    },
  ])
  const tools = [{ name: 'mine', description: 'Mine.', parameters: { type: 'object' } }]
  expect((await run({ message: 'Read.', files: [pdf], tools })).body.error!.message).toContain('needs the capability')
  expect((await run({ message: 'Read.', files: [pdf], capabilities: ['research'] })).status).toBe(403)
  expect(await count()).toBe(before)
})

test('with tools of the client’s own, the platform’s are not offered', async () => {
  scripted()
  await run({ message: 'Hi.', tools: [{ name: 'mine', description: 'Mine.', parameters: { type: 'object' } }] })
  expect(offered()).toEqual(['mine'])
})

test.each([
  [{ name: 'a.txt' }, 'needs exactly one of content, content_base64 and file_id'],
  [{ content: 'x' }, 'is needed with content'],
  [{ name: 'a.txt', content: 'x', content_base64: 'eA==' }, 'needs exactly one of content'],
  [{ name: 'a.txt', content_base64: '§§' }, 'must be base64'],
  [{ file_id: '7' }, 'must be the id of an uploaded file'],
  [{ file_id: '01890a5d-ac96-774b-bcce-b302099a8060' }, '“file_id” names no file of this project'],
  [{ name: 'README', content: 'x' }, 'needs an extension'],
  [{ name: '../a.txt', content: 'x' }, 'must not hold slashes'],
  [{ name: 'a.txt', content: null }, 'of type string'],
])('files %j is refused: %s', async (file, says) => {
  const { status, body } = await run({ message: 'Hi', files: [file] })
  expect([status, body.error!.code]).toEqual([400, 'invalid_body'])
  expect(body.error!.message).toContain(says)
})
