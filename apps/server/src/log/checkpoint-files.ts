import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readdir, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'

/** Checkpoints as files, one for each size, in a folder per 100,000 entries. A file is there whole or not at all, and never changes. */
export type CheckpointFiles = {
  /** Keeps a note; one of this size that is there already stays. */
  keep(size: number, note: string): Promise<void>
  /** The note of the largest size. */
  latest(): Promise<{ size: number; note: string; path: string } | undefined>
  /** Removes all but the newest `count`. */
  prune(count: number): Promise<void>
}

const DIGITS = 16
const PER_FOLDER = 100_000
const SUFFIX = '.checkpoint'

export function checkpointFiles(root: string): CheckpointFiles {
  return {
    async keep(size, note) {
      const folder = join(root, padded(Math.floor(size / PER_FOLDER)))
      await mkdir(folder, { recursive: true })
      await writeWhole(folder, `${padded(size)}${SUFFIX}`, note)
    },
    async latest() {
      const [newest] = await newestFirst(root, 1)
      return newest && { ...newest, note: await readFile(newest.path, 'utf8') }
    },
    async prune(count) {
      const all = await newestFirst(root, Number.POSITIVE_INFINITY)
      await Promise.all(all.slice(count).map(({ path }) => unlink(path).catch(ignore('ENOENT'))))
    },
  }
}

async function newestFirst(root: string, most: number): Promise<{ size: number; path: string }[]> {
  const found: { size: number; path: string }[] = []
  for (const folder of await namesIn(root, /^\d{16}$/)) {
    if (found.length >= most) break
    for (const name of await namesIn(join(root, folder), /^\d{16}\.checkpoint$/))
      found.push({ size: Number(name.slice(0, DIGITS)), path: join(root, folder, name) })
  }
  return found.slice(0, most)
}

/** Names that fit, largest first; none when there is no such folder. */
async function namesIn(folder: string, pattern: RegExp): Promise<string[]> {
  const names = await readdir(folder).catch(ignore('ENOENT'))
  return (names ?? [])
    .filter((name) => pattern.test(name))
    .sort()
    .reverse()
}

/** Written beside, flushed, then linked to its name: whoever comes second leaves it as it is. */
async function writeWhole(folder: string, name: string, text: string): Promise<void> {
  const draft = join(folder, `.${name}.${randomBytes(6).toString('hex')}`)
  const file = await open(draft, 'wx', 0o644)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  try {
    await link(draft, join(folder, name)).catch(ignore('EEXIST'))
  } finally {
    await unlink(draft)
  }
  await flush(folder)
}

/** A name is on the disk only once its folder is. */
async function flush(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const padded = (n: number) => String(n).padStart(DIGITS, '0')

const ignore = (code: string) => (error: unknown) => {
  if (!(error instanceof Error && 'code' in error && error.code === code)) throw error
  return undefined
}
