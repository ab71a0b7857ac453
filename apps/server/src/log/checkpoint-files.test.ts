import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { checkpointFiles } from './checkpoint-files.ts'

async function folder() {
  const path = await mkdtemp(join(tmpdir(), 'stewrd-files-'))
  onTestFinished(() => rm(path, { recursive: true }))
  return path
}
const allIn = async (path: string) =>
  (await readdir(path, { recursive: true })).filter((name) => name.endsWith('.checkpoint')).sort()

test('the latest is the one of the largest size, whatever was written last', async () => {
  const files = checkpointFiles(join(await folder(), 'not', 'there', 'yet'))
  expect(await files.latest()).toBeUndefined()
  for (const size of [7, 250_000, 99_999, 100_000]) await files.keep(size, `note ${size}`)
  expect(await files.latest()).toMatchObject({ size: 250_000, note: 'note 250000' })
})

test('a checkpoint that is there is never written again', async () => {
  const files = checkpointFiles(await folder())
  await files.keep(5, 'first')
  await files.keep(5, 'second')
  expect((await files.latest())?.note).toBe('first')
})

test('drafts of a crash and files of others are no checkpoints', async () => {
  const path = await folder()
  const files = checkpointFiles(path)
  await files.keep(5, 'whole')
  await writeFile(join(path, '0000000000000000', '.0000000000000009.checkpoint.ab12'), 'ha')
  await writeFile(join(path, '0000000000000000', 'notes.txt'), 'ours')
  await writeFile(join(path, 'README'), 'ours')
  expect((await files.latest())?.size).toBe(5)
})

test('pruning keeps the newest', async () => {
  const path = await folder()
  const files = checkpointFiles(path)
  for (const size of [1, 2, 99_999, 100_000, 100_001]) await files.keep(size, 'note')
  await files.prune(3)
  expect((await allIn(path)).map((name) => Number(name.slice(-27, -11)))).toEqual([99_999, 100_000, 100_001])
})

test('a folder that cannot be read is an error, not an empty one', async () => {
  const path = join(await folder(), 'file')
  await writeFile(path, '')
  await chmod(path, 0o600)
  await expect(checkpointFiles(path).latest()).rejects.toMatchObject({ code: 'ENOTDIR' })
})
