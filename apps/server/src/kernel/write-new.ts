import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readdir, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { machineTime } from '@stewrd/db/clock.ts'

const DRAFT = /^\.stewrd-[0-9a-f]{12}$/
/** Nobody writes so slowly. */
const STALE_MS = 24 * 60 * 60_000

/** Writes a file whole, for its owner alone. False: one of this name is there already, and stays as it is. */
export async function writeNew(path: string, write: (draft: string) => Promise<void>): Promise<boolean> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const draft = join(dirname(path), `.stewrd-${randomBytes(6).toString('hex')}`)
  try {
    await (await open(draft, 'wx', 0o600)).close()
    await write(draft)
    await flush(draft)
    return await link(draft, path).then(
      () => true,
      (error: unknown) => ignore('EEXIST')(error) ?? false,
    )
  } finally {
    await unlink(draft).catch(ignore('ENOENT'))
    await flush(dirname(path))
  }
}

/** Removes what writers that were killed left in a folder: drafts that nobody has written to for a day. */
export async function removeStaleDrafts(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    if (!DRAFT.test(name)) continue
    const draft = join(folder, name)
    const { mtimeMs } = (await stat(draft).catch(ignore('ENOENT'))) ?? {}
    if (mtimeMs !== undefined && machineTime() - mtimeMs > STALE_MS) await unlink(draft).catch(ignore('ENOENT'))
  }
}

async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r').catch(ignore('ENOENT'))
  await handle?.sync()
  await handle?.close()
}

/** Passes over an error of the file system with this code. */
export function ignore(code: string) {
  return (error: unknown): undefined => {
    if (!(error instanceof Error && 'code' in error && error.code === code)) throw error
  }
}
