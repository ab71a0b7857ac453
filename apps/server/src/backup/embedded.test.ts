import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { ServerProcess } from '../testing/server-process.ts'
import { makeHome, removeHome, startServer, stewrd } from '../testing/server-process.ts'

// The embedded database, as a person uses it: nothing but commands.
const variables = { STEWRD_BACKUP_PASSPHRASE: 'four words that are long' }
let home: string
let server: ServerProcess
beforeAll(async () => {
  home = await makeHome()
  server = await startServer(home)
  await stewrd(home, ['project', 'create', 'kept'])
})
afterAll(async () => {
  await server.kill()
  await removeHome(home)
})

test('a backup beside the running server, a drill, and a restore into an empty home', async () => {
  const file = join(home, 'backup.stewrd')
  const made = await stewrd(home, ['backup', file], { variables })
  expect(made).toMatchObject({ code: 0, stdout: expect.stringContaining('everything as it was at') as string })

  const drilled = await stewrd(home, ['restore', '--drill', file], { variables: { ...variables, TMPDIR: home } })
  expect(drilled.stdout).toContain(
    'The backup can be restored, the keyring opens it, and its history is what was recorded.',
  )
  expect(drilled).toMatchObject({ code: 0, stderr: '' })
  expect((await readdir(home)).filter((name) => name.startsWith('stewrd-drill-'))).toEqual([])

  const taken = await stewrd(home, ['restore', file], { variables })
  expect(taken).toMatchObject({ code: 1, stderr: expect.stringContaining('Stewrd runs on') as string })

  const fresh = await makeHome()
  try {
    await cp(join(home, 'keyring.json'), join(fresh, 'keyring.json'))
    // One that dies on the way leaves an empty database, which the next one fills.
    await killedRestore(fresh, file)
    const restored = await stewrd(fresh, ['restore', file], { variables })
    expect(restored).toMatchObject({ code: 0, stderr: '' })
    expect((await stewrd(fresh, ['project', 'list'])).stdout).toContain('kept')
    const twice = await stewrd(fresh, ['restore', file], { variables })
    expect(twice).toMatchObject({ code: 1, stderr: expect.stringContaining('The database is not empty') as string })
  } finally {
    await removeHome(fresh)
  }
}, 180_000)

/** Ends it as a power cut does, once its database is being made. */
async function killedRestore(into: string, file: string): Promise<void> {
  const script = new URL('../cli.ts', import.meta.url).pathname
  const env = { ...process.env, ...variables, STEWRD_HOME: into, DATABASE_URL: '' }
  const child = spawn(process.execPath, [script, 'restore', file], { env, stdio: 'ignore' })
  const exited = once(child, 'exit')
  await vi.waitFor(() => stat(join(into, 'postgres.json')), { timeout: 30_000, interval: 5 })
  child.kill('SIGKILL')
  expect((await exited)[1]).toBe('SIGKILL')
}
