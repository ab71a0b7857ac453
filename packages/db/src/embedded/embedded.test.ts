import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import postgres from 'postgres'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { startEmbedded } from './embedded.ts'
import { HomeInUseError, lockHome } from './home.ts'
import { postgresDir } from './location.ts'
import { livePostmaster } from './postmaster.ts'

let folder: string
let home: string
const children: ChildProcess[] = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stewrd-embedded-'))
  await chmod(folder, 0o755)
  home = join(folder, 'home')
})
afterEach(async () => {
  await Promise.all(children.splice(0).map(kill))
  await ended(home)
  await rm(folder, { recursive: true, force: true })
})
/** Waits until no Postgres runs on the home any more. */
const ended = (of: string) =>
  vi.waitFor(async () => {
    const pid = await livePostmaster(await postgresDir(of))
    if (pid !== undefined) throw new Error(`Postgres ${pid} still runs`)
  }, patience)
const patience = { timeout: 20_000, interval: 20 }

type Started = { child: ChildProcess; url: string; adopted: boolean; written(): number }

/** Another process that owns the database and writes without an end. */
async function start(
  variables: Record<string, string> = {},
  user: { uid?: number; gid?: number } = {},
): Promise<Started> {
  const script = new URL('../testkit/embedded-process.ts', import.meta.url).pathname
  const env = { ...process.env, STEWRD_HOME: home, ...variables }
  const child = spawn(process.execPath, [script], { env, stdio: ['ignore', 'pipe', 'pipe'], ...user })
  children.push(child)
  let problem = ''
  child.stderr.on('data', (chunk: Buffer) => (problem += chunk.toString()))
  let written = 0
  const lines = createInterface({ input: child.stdout })
  const first = await Promise.race([once(lines, 'line'), once(child, 'exit')])
  if (typeof first[0] !== 'string') throw new Error(problem)
  lines.on('line', (line) => (written = Number(line)))
  const { url, adopted } = JSON.parse(first[0]) as { url: string; adopted: boolean }
  return { child, url, adopted, written: () => written }
}

async function kill(child: ChildProcess) {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

async function rowsOf(url: string): Promise<number[]> {
  const sql = postgres(url, { max: 1 })
  try {
    return (await sql<{ n: string }[]>`select n from written order by n`).map(({ n }) => Number(n))
  } finally {
    await sql.end()
  }
}

test('killed in the middle of writes, again and again: it comes back with everything that was acknowledged', async () => {
  let acknowledged = 0
  for (let round = 0; round < 5; round++) {
    const started = await start()
    await vi.waitFor(() => expect(started.written()).toBeGreaterThan(acknowledged + 20), patience)
    await kill(started.child)
    acknowledged = started.written()
  }
  const back = await startEmbedded({ home, as: 'server' })
  const rows = await rowsOf(back.url)
  await back.stop()
  expect(rows.length).toBeGreaterThanOrEqual(acknowledged)
  expect(rows).toEqual(rows.map((_, i) => i + 1))
}, 120_000)

test('Postgres does not outlive the process that started it', async () => {
  const { child } = await start()
  const dir = await postgresDir(home)
  expect(await livePostmaster(dir)).toBeGreaterThan(0)
  await kill(child)
  await ended(home)
  expect(await livePostmaster(dir)).toBeUndefined()
})

test('of many servers that start at once on one home exactly one goes on; after it was killed, again one', async () => {
  for (let round = 0; round < 2; round++) {
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => start({ LOCK: 'yes' })))
    const won = outcomes.filter((o) => o.status === 'fulfilled')
    const lost = outcomes.filter((o) => o.status === 'rejected').map((o) => String(o.reason))
    expect([won.length, lost.length]).toEqual([1, 4])
    for (const reason of lost) expect(reason).toContain(`Stewrd runs on ${home} already`)
    await kill(won[0]!.value.child)
  }
}, 60_000)

test('a second server in the same process is refused too, and the lock is free when it was given back', async () => {
  const lock = await lockHome(home)
  await lock.announce('http://127.0.0.1:1')
  await expect(lockHome(home)).rejects.toThrow(HomeInUseError)
  await expect(lockHome(home)).rejects.toThrow('http://127.0.0.1:1')
  await lock.release()
  await (await lockHome(home)).release()
})

test('two commands that start at once share the database of the one that was first', async () => {
  const both = await Promise.all([start({ AS: 'command' }), startEmbedded({ home, as: 'command' })])
  expect(both.filter(({ adopted }) => adopted)).toHaveLength(1)
  expect(both[0].url).toBe(both[1].url)
  await vi.waitFor(() => expect(both[0].written()).toBeGreaterThan(5), patience)
  // Whoever owns it waits for the other one to leave.
  await kill(both[0].child)
  await both[1].stop({ smart: true })
}, 60_000)

test("a lock file that names another home's Postgres, or any process, is nobody's", async () => {
  const other = await startEmbedded({ home: join(folder, 'other'), as: 'server' })
  const others = (await livePostmaster(await postgresDir(join(folder, 'other'))))!
  await (await startEmbedded({ home, as: 'server' })).stop()
  const lock = join(await postgresDir(home), 'data', 'postmaster.pid')
  for (const pid of [others, process.pid]) {
    await writeFile(lock, `${pid}\n/nowhere\n1\n5432\n\n\n0 0\nready   \n`)
    const mine = await startEmbedded({ home, as: 'server' })
    const sql = postgres(mine.url, { max: 1 })
    expect(await sql`select 1 as one`).toEqual([{ one: 1 }])
    await sql.end()
    await mine.stop()
  }
  expect(await livePostmaster(await postgresDir(join(folder, 'other')))).toBe(others)
  await other.stop()
}, 60_000)

test('the log of Postgres keeps no value of a statement, also of one that fails', async () => {
  const running = await startEmbedded({ home, as: 'server' })
  const sql = postgres(running.url, { max: 1 })
  await sql`create table t (v text unique)`
  await sql`insert into t values ('sk-in-a-row')`
  await expect(sql`insert into t values ('sk-in-a-row')`).rejects.toThrow('duplicate')
  await expect(sql.unsafe(`select 'sk-in-a-statement'::uuid`)).rejects.toThrow('invalid input')
  await expect(sql.unsafe(`do $$ begin raise exception 'sk-raised'; end $$`)).rejects.toThrow('sk-raised')
  await sql.end()
  await running.stop()
  const log = await readFile(join(home, 'postgres.log'), 'utf8')
  expect(log).toContain('ready to accept connections')
  expect(log).not.toMatch(/sk-in-a-row|sk-in-a-statement|sk-raised/)
})

test('a Postgres that died by itself is started anew', async () => {
  const first = await startEmbedded({ home, as: 'server' })
  process.kill((await livePostmaster(await postgresDir(home)))!, 'SIGKILL')
  await ended(home)
  const second = await startEmbedded({ home, as: 'server' })
  expect(second.adopted).toBe(false)
  await first.stop()
  await second.stop()
})

test('a home in a folder that nobody else may enter works, also after it was deleted and made again', async () => {
  await chmod(folder, 0o700)
  for (let round = 0; round < 2; round++) {
    const first = await start()
    await vi.waitFor(() => expect(first.written()).toBeGreaterThan(5), patience)
    await kill(first.child)
    const again = await startEmbedded({ home, as: 'server' })
    expect((await rowsOf(again.url)).length).toBeGreaterThanOrEqual(first.written())
    await again.stop()
    const dir = await postgresDir(home)
    if (!dir.startsWith(home)) await rm(dir, { recursive: true })
    await rm(home, { recursive: true })
  }
}, 60_000)

test('a home that cannot be a folder is refused in words', async () => {
  await writeFile(home, 'a file')
  await expect(startEmbedded({ home: join(home, 'inside'), as: 'server' })).rejects.toThrow('not a directory')
  await rm(home)
})

test.runIf(process.getuid?.() === 0)('an ordinary user runs it as themselves', async () => {
  const user = { uid: 1, gid: 1 }
  await mkdir(home)
  await chown(home, user.uid, user.gid)
  const started = await start({ HOME: folder }, user)
  await vi.waitFor(() => expect(started.written()).toBeGreaterThan(5), patience)
  await kill(started.child)
})
