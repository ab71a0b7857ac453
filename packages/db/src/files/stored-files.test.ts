import { randomUUID } from 'node:crypto'
import { files, fileStream } from '@stewrd/core/files/files.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { by, createWorld } from '../testkit/world.ts'
import type { World } from '../testkit/world.ts'
import { fileUse, releaseFile, reserveFile } from './stored-files.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

const project = () => ({ accountId: world.accountId, projectId: randomUUID() })
const file = (of: ReturnType<typeof project>, bytes = 10) => ({ ...of, fileId: randomUUID(), bytes })
const any = { files: null, bytes: null }

test('however many ask at once, on several servers, no more is counted than there may be', async () => {
  const of = project()
  const servers = [world.sql, world.another().sql]
  const asked = await Promise.all(
    Array.from({ length: 60 }, (_, i) => reserveFile(servers[i % 2]!, file(of), { files: 25, bytes: 200 })),
  )
  expect(asked.filter(Boolean)).toHaveLength(20)
  expect(await fileUse(world.sql, of)).toEqual({ files: 20, bytes: 200 })
  expect(await reserveFile(world.sql, file(of), { files: 20, bytes: null })).toBe(false)
  expect(await reserveFile(world.sql, file(of, 1), { files: null, bytes: 200 })).toBe(false)
  expect(await reserveFile(world.sql, file(of, 0), any)).toBe(true)
})

test('what is released is counted no more, once', async () => {
  const of = project()
  const [kept, gone] = [file(of), file(of, 7)]
  for (const one of [kept, gone]) await reserveFile(world.sql, one, any)
  for (let i = 0; i < 2; i++) await releaseFile(world.sql, gone)
  expect(await fileUse(world.sql, of)).toEqual({ files: 1, bytes: 10 })
})

test('what crashes left counted is given back before anything is refused', async () => {
  const of = project()
  const [stored, removed, never, now] = [file(of), file(of), file(of), file(of)]
  for (const one of [stored, removed, never, now]) await reserveFile(world.sql, one, any)
  const about = {
    name: 'a.txt',
    bytes: 10,
    mediaType: 'text/plain',
    sha256: '',
    dekId: '',
    origin: 'upload',
    runId: null,
  } as const
  for (const { fileId } of [stored, removed]) {
    const stream = { ...of, stream: fileStream(fileId) }
    await world.store.execute(files, stream, { type: 'StoreFile', file: about }, by())
    if (fileId === removed.fileId) await world.store.execute(files, stream, { type: 'RemoveFile' }, by())
  }
  await world.owner`update stored_files set at = now() - interval '2 hours' where file_id = ${never.fileId}`
  expect(await reserveFile(world.sql, file(of), { files: 3, bytes: null })).toBe(true)
  expect(await fileUse(world.sql, of)).toEqual({ files: 3, bytes: 30 })
  expect(await reserveFile(world.sql, file(of), { files: 3, bytes: null })).toBe(false)
})
