import { projects, projectStream } from '@stewrd/core/projects/projects.ts'
import { connect } from '@stewrd/db/connect.ts'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { streamOf } from '../projects/project-of.ts'
import type { Answer, Bed } from '../runs/v1.testing.ts'
import { answered, keyA, keyB, openBed } from '../runs/v1.testing.ts'
import { stewrd } from '../testing/server-process.ts'
import type { CommandResult } from '../testing/server-process.ts'
import type { ExportOptions } from './export.ts'
import { exportProject } from './export.ts'
import type { Event } from './format.ts'
import { verifyBundle } from './verify.ts'

let bed: Bed
let folder: string
let run: Answer
const question = 'What is the SENTINEL-question?'
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stewrd-proof-'))
  bed = await openBed()
  const { projectId } = bed.project
  await bed.server.client.llm.rotate.mutate({ projectId, key: keyB, reason: 'quarterly' })
  await bed.newProject()
  run = await answered(bed.post({ message: question }))
  await bed.server.client.projects.rename.mutate({ projectId, name: 'Renamed' })
  await logged(projectId, 'ProjectRenamed')
})
afterAll(async () => {
  await bed?.close()
  if (folder) await rm(folder, { recursive: true })
})

const logged = (projectId: string, type: string) =>
  vi.waitFor(async () => {
    const { sql } = bed.tested.platform
    const rows = await sql`select from log where project_id = ${projectId} and type = ${type}`
    expect(rows.length).toBeGreaterThan(0)
  }, 10_000)
const bundleOf = async (options: Partial<ExportOptions> = {}) => {
  const defaults: ExportOptions = { projectId: bed.project.projectId, disclose: 'nothing', waitMs: 10_000 }
  const { text } = await exportProject(bed.tested.platform, { ...defaults, ...options })
  let file = ''
  for await (const piece of text) file += piece
  return file
}
const eventsOf = (file: string) =>
  file
    .split('\n')
    .filter((line) => line.startsWith('{"event"'))
    .map((line) => (JSON.parse(line) as Event).event)
const verified = (file: string, checkpoint?: string) =>
  verifyBundle(
    (async function* () {
      yield Buffer.from(file)
    })(),
    { key: bed.tested.platform.publicLog.verifierKey, checkpoint },
  )
/** As an outsider does: an empty home, and no database. */
const outsider = (...args: string[]): Promise<CommandResult> =>
  stewrd(join(folder, 'nobody'), ['audit', 'verify', ...args, '--json'])

test('a project is exported on the command line, and checked where there is no database, key or network', async () => {
  const { database, env, platform } = bed.tested
  const [file, checkpoint] = [join(folder, 'a.proof'), join(folder, 'kept.checkpoint')]
  await writeFile(checkpoint, platform.publicLog.published.latest!.note)
  const variables = { DATABASE_URL: database.url }
  const { projectId } = bed.project
  const args = ['audit', 'export', projectId, '--out', file, '--disclose', '--checkpoint', checkpoint, '--json']
  const exported = await stewrd(env.home, args, { variables })
  expect([exported.code, exported.stderr]).toEqual([0, ''])
  const count = await platform.worker`select from log where project_id = ${projectId}`
  expect(exported.json()).toMatchObject({ file, project_id: projectId, events: count.length, disclosed: 'everything' })

  const key = ['--key', platform.publicLog.verifierKey]
  const found = await outsider(file, ...key, '--checkpoint', checkpoint)
  expect(found.code).toBe(0)
  expect(found.json()).toMatchObject({ ok: true, events: count.length, disclosed: count.length, key_given: true })
  await expect(stat(join(folder, 'nobody'))).rejects.toMatchObject({ code: 'ENOENT' })

  await writeFile(file, (await readFile(file, 'utf8')).replace('gpt-4o', 'gpt-4x'))
  const edited = await outsider(file, ...key)
  expect([edited.code, edited.stderr]).toEqual([1, ''])
  expect(edited.json()).toMatchObject({ ok: false, code: 'DISCLOSURE_WRONG', event: { type: 'ProviderSet', seq: 1 } })
  const none = await outsider(join(folder, 'none.proof'))
  expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('there is no such file')])
})

test('nothing is opened unless it is asked for, and provider keys never are', async () => {
  const [sealed, configuration, everything] = await Promise.all(
    (['nothing', 'configuration', 'everything'] as const).map((disclose) => bundleOf({ disclose })),
  )
  expect(eventsOf(sealed!).every((e) => e.disclosed === null)).toBe(true)
  for (const { header, disclosed } of eventsOf(configuration!))
    expect([header.type, disclosed === null]).toEqual([header.type, header.stream.startsWith('run:')])
  expect(eventsOf(everything!).every((e) => e.disclosed)).toBe(true)
  expect(everything).toContain(question)
  expect(configuration).toContain('"reason\\":\\"quarterly')
  for (const file of [sealed, configuration]) expect(file).not.toContain('SENTINEL-question')
  for (const file of [sealed, configuration, everything])
    for (const key of [keyA, keyB, Buffer.from(keyA).toString('base64').slice(0, -3)]) expect(file).not.toContain(key)
  expect((await verified(configuration!)).disclosed).toBe(eventsOf(configuration!).filter((e) => e.disclosed).length)
})

test('what was acknowledged before an export is in it, also while it has no place in the log yet', async () => {
  const { platform } = bed.tested
  const { projectId } = bed.project
  const id = streamOf(platform, projectId, projectStream(projectId))
  const command = { type: 'RenameProject', name: 'Newest' } as const
  const { revision } = await platform.store.execute(projects, id, command, { commandId: 'newest', actor: 'user:test' })
  const inside = eventsOf(await bundleOf()).filter((e) => e.header.stream === id.stream)
  expect(inside.at(-1)!.header.seq).toBe(revision)
})

test('a part of the history is proved by itself, by places and by times', async () => {
  const all = eventsOf(await bundleOf()).toSorted((a, b) => a.index - b.index)
  const [from, to] = [all[2]!.index, all.at(-2)!.index]
  const part = await bundleOf({ from, to })
  expect(
    eventsOf(part)
      .map((e) => e.index)
      .toSorted((a, b) => a - b),
  ).toEqual(all.map((e) => e.index).filter((i) => i >= from && i < to))
  expect(await verified(part)).toMatchObject({ events: eventsOf(part).length, head: { from, to } })
  const { code, stdout } = await stewrd(
    bed.tested.env.home,
    ['audit', 'export', bed.project.projectId, '--out', join(folder, 't.proof'), '--to', '2020-01-01', '--json'],
    { variables: { DATABASE_URL: bed.tested.database.url } },
  )
  expect([code, JSON.parse(stdout)]).toEqual([0, expect.objectContaining({ events: 0, to: 0 })])
  expect(await verified(await readFile(join(folder, 't.proof'), 'utf8'))).toMatchObject({ events: 0, firstPlace: null })
})

test('a checkpoint that somebody kept is shown to be the beginning of this log; one of another log is refused', async () => {
  const { sql, publicLog } = bed.tested.platform
  const [{ note, size } = { note: '', size: 0 }] = await sql<{ note: string; size: number }[]>`
    select note, size from checkpoints order by size limit 1`
  const file = await bundleOf({ checkpoints: [note] })
  expect((await verified(file, note)).outside).toBe(size)
  await expect(bundleOf({ checkpoints: [note.replace(`\n${size}\n`, `\n${size + 1}\n`)] })).rejects.toMatchObject({
    code: 'INVALID_INPUT',
  })
  expect(publicLog.published.latest!.size).toBeGreaterThan(size)
})

test('a shredded project is still proved, and nothing of it is opened', async () => {
  const project = await bed.newProject()
  const { id: runId } = await answered(bed.post({ message: 'Hi' }, project))
  const { projectId } = project
  const before = eventsOf(await bundleOf({ projectId })).length
  await bed.server.client.projects.shred.mutate({ projectId, confirm: 'Runs', now: true })
  const file = await bundleOf({ projectId, disclose: 'everything' })
  const facts = await verified(file)
  expect([facts.events > before, facts.disclosed]).toEqual([true, 0])
  await expect(bed.server.client.proof.receipt.query({ projectId, runId: runId })).rejects.toMatchObject({
    data: { refusal: { code: 'PROJECT_SHREDDED' } },
  })
})

test('what a superuser edited is not exported as if it were true', async () => {
  const { database, platform } = bed.tested
  const { projectId } = bed.project
  const owner = connect(database.url, { role: null, max: 1 })
  const [event] = await platform.worker<{ stream: string; seq: number; actor: string }[]>`
    select stream, seq, actor from events where project_id = ${projectId} and type = 'KeyRotated'`
  const { stream, seq, actor } = event!
  await owner`update events set actor = 'user:mallory' where stream = ${stream} and seq = ${seq}`
  await expect(bundleOf()).rejects.toMatchObject({ name: 'BundleRefused', event: { stream, seq, type: 'KeyRotated' } })
  await owner`update events set actor = ${actor} where stream = ${stream} and seq = ${seq}`
  await owner.end()
  expect((await verified(await bundleOf())).events).toBeGreaterThan(5)
  expect(run.id).toBeDefined()
})
