import { execFile } from 'node:child_process'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { ROLE } from '../database.ts'
import type { Scenario } from '../scenario.ts'
import type { World } from '../world.ts'

const run = promisify(execFile)

/** Fewer connections than the two servers hold, for 10 s. */
export const connectionLimit: Scenario = {
  name: 'database allows 12 connections for 10 s',
  rounds: 3,
  async fault({ database }) {
    const sql = database.admin()
    await sql.unsafe(`alter role ${ROLE} connection limit 12`)
    await sql`select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = 'faults'`
    await delay(10_000)
    await sql.unsafe(`alter role ${ROLE} connection limit -1`)
    await sql.end()
  },
}

/** The disk below the stored files is full for 5 s. Needs root, for a file system of its own in memory. */
export const fullDisk: Scenario = {
  name: 'disk of stored files full for 5 s (ENOSPC)',
  rounds: 2,
  async missing() {
    if (process.getuid?.() !== 0) return 'needs root, to mount a small file system'
    const probe = join('/tmp', `stewrd-faults-mount-${process.pid}`)
    await mkdir(probe)
    try {
      await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', probe])
      await run('umount', [probe])
      return undefined
    } catch {
      return 'file systems cannot be mounted here'
    } finally {
      await rm(probe, { recursive: true, force: true })
    }
  },
  async fault(world) {
    const filler = await fill(world)
    await delay(5_000)
    await rm(filler, { force: true })
  },
}

/** Stored files live on a file system of 64 MB from the first round on; a file takes what is left of it. */
async function fill({ nodes: [{ home }] }: World): Promise<string> {
  const folder = join(home, 'files')
  const mounted = await run('mountpoint', ['-q', folder]).then(
    () => true,
    () => false,
  )
  if (!mounted) {
    const before = `${folder}.before`
    await run('cp', ['-a', folder, before])
    await run('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', folder])
    await run('cp', ['-a', `${before}/.`, folder])
    await rm(before, { recursive: true })
  }
  const filler = join(folder, '.filler')
  await writeFile(filler, Buffer.alloc(64 * 1024 * 1024)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOSPC') throw error
  })
  return filler
}

/** Undoes the mount of `fullDisk`, if there is one. */
export const unmount = ({ nodes: [{ home }] }: World) =>
  run('umount', [join(home, 'files')]).then(
    () => {},
    () => {},
  )
