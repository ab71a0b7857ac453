import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'

// A process of its own, with an environment of its own: no other file starts the launcher.
const launcher = resolve(import.meta.dirname, '../../../stewrd')
let home: string
let trap: ReturnType<typeof createServer>
let caught = 0
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'stewrd-launcher-'))
  trap = createServer((socket) => {
    caught++
    socket.destroy()
  }).listen(0, '127.0.0.1')
  await once(trap, 'listening')
})
afterAll(async () => {
  trap.close()
  await rm(home, { recursive: true, force: true, maxRetries: 5 })
})

/** Every way to a registry leads into the trap, and no package manager is on the path. */
function launch(args: readonly string[], script = launcher): ChildProcess & { said(): string } {
  const registry = `http://127.0.0.1:${(trap.address() as AddressInfo).port}/`
  const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy', 'npm_config_registry', 'NPM_CONFIG_REGISTRY']
  const env = {
    ...Object.fromEntries(names.map((name) => [name, registry])),
    PATH: '/usr/bin:/bin',
    HOME: home,
    STEWRD_HOME: join(home, 'data'),
    PORT: '0',
  }
  const child = spawn(script, args, { env, cwd: home, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
  onTestFinished(() => void child.kill('SIGKILL'))
  return Object.assign(child, { said: () => said })
}

test('an installed checkout starts, and runs commands, with the registry out of reach and nothing asked of the network', async () => {
  const server = launch(['start'])
  await expect.poll(() => server.said(), { timeout: 90_000 }).toMatch(/Dashboard {2}http/)
  const url = /Dashboard {2}(\S+)/.exec(server.said())![1]!
  expect((await fetch(url)).headers.get('content-type')).toContain('text/html')
  const command = launch(['project', 'create', 'Offline', '--json'])
  expect(await once(command, 'close')).toEqual([0, null])
  expect(JSON.parse(command.said())).toMatchObject({ name: 'Offline' })
  server.kill('SIGTERM')
  expect(await once(server, 'exit')).toEqual([0, null])
  expect(caught).toBe(0)
})

test('a checkout that is not installed says what to run', async () => {
  const bare = join(home, 'bare')
  await mkdir(bare)
  await cp(launcher, join(bare, 'stewrd'))
  const child = launch(['start'], join(bare, 'stewrd'))
  expect(await once(child, 'close')).toEqual([1, null])
  expect(child.said()).toBe('Stewrd is not installed here yet. Run once, with network: npx --yes pnpm@12 start\n')
})
