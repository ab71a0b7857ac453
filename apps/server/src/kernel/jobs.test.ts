import { createTestDatabase } from '@stewrd/db/testing/database.ts'
import { connect, disconnect } from '@stewrd/db/connect.ts'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Jobs } from './jobs.ts'
import { createLogger } from './log.ts'

const log = createLogger({ production: true, logLevel: 'silent' })
const QUEUE = 'tried'
const job = (key: string) => ({ key, group: 'g' })

async function bed() {
  const database = await createTestDatabase()
  const sql = connect(database.url, { role: 'stewrd_worker' })
  const jobs = [new Jobs(sql, log), new Jobs(sql, log)] as const
  onTestFinished(async () => {
    await Promise.all(jobs.map((one) => one.stop()))
    await disconnect(sql)
    await database.drop()
  })
  return { sql, jobs }
}

test('a job is there with its transaction or not at all, and is done once by one of two servers', async () => {
  const { sql, jobs } = await bed()
  const done: string[] = []
  for (const one of jobs) await one.start(QUEUE, 2, async (key) => void done.push(key))
  const keys = Array.from({ length: 20 }, (_, n) => `job-${n}`)
  const failing = sql.begin(async (tx) => {
    await jobs[0].send(tx, QUEUE, [job('never')])
    throw new Error('rolled back')
  })
  await expect(failing).rejects.toThrow('rolled back')
  await sql.begin((tx) => jobs[0].send(tx, QUEUE, keys.map(job)))
  await vi.waitFor(() => expect(done.toSorted()).toEqual(keys.toSorted()), { timeout: 10_000 })
})

test('of one key one waits or runs; ended within a transaction it makes room for the next', async () => {
  const { sql, jobs } = await bed()
  const done: string[] = []
  const { promise: held, resolve: release } = Promise.withResolvers<void>()
  await jobs[0].start(QUEUE, 2, async (key, finish) => {
    done.push(key)
    if (done.length > 1) return
    await held
    await sql.begin(async (tx) => {
      await finish(tx)
      await jobs[0].send(tx, QUEUE, [{ ...job(key), afterMs: 300 }])
    })
  })
  await jobs[0].send(sql, QUEUE, [job('a')])
  await vi.waitFor(() => expect(done).toEqual(['a']), { timeout: 5000 })
  await jobs[0].send(sql, QUEUE, [job('a')])
  release()
  await vi.waitFor(() => expect(done).toEqual(['a', 'a']), { timeout: 5000 })
  const states = await sql<{ state: string }[]>`select state::text from pgboss.job where name = ${QUEUE}`
  await vi.waitFor(async () => {
    const left = await sql`select from pgboss.job where name = ${QUEUE} and state < 'completed'`
    expect(left).toHaveLength(0)
  }, 10_000)
  expect(states).toHaveLength(2)
})

test('what a job throws is tried again, and stands nowhere', async () => {
  const { sql, jobs } = await bed()
  let times = 0
  await jobs[0].start(QUEUE, 1, async () => {
    times += 1
    if (times === 1) throw new Error('SENTINEL of a failure')
  })
  await jobs[0].send(sql, QUEUE, [job('a')])
  await vi.waitFor(() => expect(times).toBe(2), { timeout: 10_000 })
  const rows = await sql<{ row: string }[]>`select j::text as row from pgboss.job j`
  expect(rows.map(({ row }) => row).join()).not.toContain('SENTINEL')
})
