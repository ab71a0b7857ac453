import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { DiskWatch, findDiskProblem } from './disk-watch.ts'
import { createLogger } from './log.ts'

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stewrd-disk-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

test('a folder that can be written has no problem, and nothing is left in it', async () => {
  const folder = await emptyFolder()
  expect(await findDiskProblem([folder, join(folder, 'made')])).toBeUndefined()
  expect(await readdir(folder)).toEqual(['made'])
})

test('a folder that cannot be written is named and logged once, until it can be again', async () => {
  const folder = await emptyFolder()
  const anchors = join(folder, 'anchors')
  await writeFile(anchors, 'a file in its place')
  const lines: string[] = []
  const log = createLogger({ production: true, logLevel: 'info' }, { write: (line) => void lines.push(line) })
  const watch = new DiskWatch([folder, join(anchors, 'log')], { log, now: () => 7 })
  watch.start(20)
  onTestFinished(() => watch.stop())
  await expect
    .poll(() => watch.problem)
    .toMatchObject({
      folder: join(anchors, 'log'),
      since: 7,
      message: expect.stringContaining('A part of a path is no folder (ENOTDIR)'),
    })
  await rm(anchors)
  await expect.poll(() => watch.problem).toBeUndefined()
  expect(lines.map((line) => (JSON.parse(line) as { level: string }).level)).toEqual(['error', 'info'])
})
