import { spawn } from 'node:child_process'
import { copyFile, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Bed } from '../runs/v1.testing.ts'
import { openBed } from '../runs/v1.testing.ts'

// The page's own texts. The server is not made of the page, so they are found as a file.
const page = new URL('../../../web/src/features/api/snippets.ts', import.meta.url)
type Snippet = (task: string, language: string, values: { origin: string; model: string }) => string
let snippet: Snippet
let bed: Bed
let folder: string
beforeAll(async () => {
  ;({ snippet } = (await import(page.href)) as { snippet: Snippet })
  bed = await openBed()
  const { projectId } = bed.project
  await bed.server.client.projects.changeCapabilities.mutate({ projectId, capabilities: ['chat', 'files'] })
  folder = await mkdtemp(join(tmpdir(), 'stewrd-snippets-'))
  await copyFile(new URL('../../../../testdata/files/report.pdf', import.meta.url), join(folder, 'report.pdf'))
  await symlink(fileURLToPath(new URL('../../node_modules', import.meta.url)), join(folder, 'node_modules'))
  await writeFile(join(folder, 'package.json'), '{"type": "module"}')
  bed.upstream.reply(({ messages, tools }) => {
    const said = messages!.map(({ content }) => content)
    const last = messages!.at(-1)!
    if (last.role === 'tool') return { content: `I was told: ${last.content.slice(0, 100)}` }
    if (said.some((one) => one.includes('report.pdf')))
      return { toolCalls: [{ id: 'a', name: 'read_file', arguments: '{"file":"report.pdf"}' }] }
    if (tools?.length && last.content.includes('weather'))
      return { toolCalls: [{ id: 'w', name: 'weather', arguments: '{"city":"Rome"}' }] }
    if (last.content === 'What is my name?') return { content: said.some((one) => one.includes('Ada')) ? 'Ada' : '?' }
    return { content: 'Hello from the upstream.' }
  })
})
afterAll(async () => {
  await bed?.close()
  await rm(folder, { recursive: true, force: true })
})

async function run(command: string, args: readonly string[], more: Record<string, string> = {}) {
  const env = { PATH: process.env['PATH'], STEWRD_API_KEY: bed.project.apiKey, ...more }
  const child = spawn(command, args, { cwd: folder, env })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  return { out, err, code }
}
const programOf = (task: string, language: string) =>
  snippet(task, language, { origin: bed.server.url, model: 'gpt-4o' })

const expected = {
  run: 'Hello from the upstream.',
  stream: 'Hello from the upstream.',
  session: 'Ada',
  tools: 'I was told: Sunny, 24 degrees in Rome',
  files: 'Revenue grew by 12 percent.',
  openai: 'Hello from the upstream.',
} as const
const tasks = Object.keys(expected) as (keyof typeof expected)[]

test.each(tasks)('%s in TypeScript', async (task) => {
  await writeFile(join(folder, `${task}.ts`), programOf(task, 'typescript'))
  const { out, err, code } = await run(process.execPath, ['--no-warnings', `${task}.ts`])
  expect([code, err]).toEqual([0, ''])
  expect(out).toContain(expected[task])
})

// Its SDK for Python is no part of this project.
test.each(tasks.filter((task) => task !== 'openai'))('%s in Python', async (task) => {
  await writeFile(join(folder, `${task}.py`), programOf(task, 'python'))
  const { out, err, code } = await run('python3', [`${task}.py`])
  expect([code, err]).toEqual([0, ''])
  expect(out).toContain(expected[task])
})

test.each(['run', 'stream', 'session', 'openai'] as const)('%s with curl', async (task) => {
  const { out, code } = await run('sh', ['-c', programOf(task, 'curl')])
  expect(code).toBe(0)
  const told = task === 'stream' ? '"content":"Hello "' : expected[task]
  expect(out).toContain(told)
})

test('files with curl: an upload, and a run with its id', async () => {
  const [upload, ask] = programOf('files', 'curl').split('\n\n')
  const sent = await run('sh', ['-c', upload!])
  const { id } = JSON.parse(sent.out) as { id: string }
  const { out } = await run('sh', ['-c', ask!], { FILE: id })
  expect(out).toContain(expected.files)
})

test('tools of one’s own with curl: the calls, and their outputs', async () => {
  const [ask, submit] = programOf('tools', 'curl').split('\n\n')
  const asked = JSON.parse((await run('sh', ['-c', ask!])).out) as { id: string; tool_calls: { id: string }[] }
  const { out } = await run('sh', ['-c', submit!], { RUN: asked.id, CALL: asked.tool_calls[0]!.id })
  expect(out).toContain('I was told: Sunny, 24 degrees')
})
