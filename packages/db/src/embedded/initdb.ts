import { spawn } from 'node:child_process'
import { chown, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { once } from 'node:events'
import { postgresUser } from './location.ts'

const MAJOR = '18'

/** Makes `<dir>/data` if it is not there. Whole or not at all: made beside, then renamed; leftovers of a crash are removed. */
export async function initialise({
  binaries,
  dir,
  password,
  onProgress,
}: {
  binaries: string
  dir: string
  password: string
  onProgress?: (step: string) => void
}): Promise<void> {
  const data = join(dir, 'data')
  const version = await readFile(join(data, 'PG_VERSION'), 'utf8').then(
    (text) => text.trim(),
    () => undefined,
  )
  if (version === MAJOR) return
  if (version !== undefined)
    throw new Error(
      `The database in ${data} was made by Postgres ${version}, and this is ${MAJOR}. Dump it with the earlier Stewrd, and load it into a new home.`,
    )
  onProgress?.('Creating the database')
  for (const name of await readdir(dir))
    if (name.startsWith('init-')) await rm(join(dir, name), { recursive: true, force: true })
  const draft = join(dir, `init-${process.pid}`)
  const pwfile = join(dir, `init-${process.pid}.pw`)
  try {
    await writeFile(pwfile, password, { mode: 0o600 })
    if (postgresUser) await chown(pwfile, postgresUser.uid, postgresUser.gid)
    await run(
      join(binaries, 'bin', 'initdb'),
      [
        '-D',
        draft,
        '-U',
        'stewrd',
        `--pwfile=${pwfile}`,
        '-A',
        'scram-sha-256',
        '-E',
        'UTF8',
        '--locale=C.UTF-8',
        '--data-checksums',
      ],
      dir,
    )
    await rename(draft, data)
  } finally {
    await rm(pwfile, { force: true })
  }
}

async function run(command: string, args: string[], cwd: string) {
  const child = spawn(command, args, {
    ...postgresUser,
    cwd,
    env: { PATH: process.env.PATH, LC_ALL: 'C' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2000)))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0)
    throw new Error(`initdb failed: ${said.trim() || `exit code ${code}`}. Is the disk full, or ${cwd} not writable?`)
}
