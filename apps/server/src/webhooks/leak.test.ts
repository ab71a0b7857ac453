import { connect, disconnect } from '@stewrd/db/connect.ts'
import { expect, test, vi } from 'vitest'
import { openWebhookBed } from './testing/bed.ts'
import { status } from './testing/receiver.ts'

const SAID = 'SENTINEL that somebody asked an agent'

/** Every row of every table of every schema, as a superuser's dump has them. */
async function dump(url: string): Promise<string> {
  const owner = connect(url, { max: 1, role: null })
  const tables = await owner<{ schema: string; name: string }[]>`
    select schemaname as schema, tablename as name from pg_tables
    where schemaname not in ('pg_catalog', 'information_schema') order by 1, 2`
  const parts: string[] = []
  for (const { schema, name } of tables) {
    const rows = await owner<{ row: string }[]>`select t::text as row from ${owner(schema)}.${owner(name)} t`
    parts.push(...rows.map(({ row }) => `${schema}.${name} ${row}`))
  }
  await disconnect(owner)
  return parts.join('\n')
}

test('neither secret nor content nor address is in a log, in another answer, or in a dump of all tables', async () => {
  const bed = await openWebhookBed()
  const { projectId, apiKey, secret } = await bed.newProject()
  const replaced = await bed.client.webhooks.regenerateSecret.mutate({ projectId, overlapMinutes: 60 })
  bed.receiver.answer(status(500))
  await bed.run(apiKey, SAID)
  const failed = await bed.ended(projectId)
  await bed.client.webhooks.retry.mutate({ projectId, deliveryId: failed.id })
  await vi.waitFor(async () => expect(bed.to(projectId).length).toBeGreaterThan(3), { timeout: 10_000 })
  const [received] = bed.to(projectId)
  expect(received!.raw).toContain('Hello from the upstream.')
  const stored = await dump(bed.tested.database.url)
  expect(stored).toMatch(/^pgboss\.job_common /m)
  expect(stored).toMatch(/^public\.webhook_deliveries /m)
  const signed = String(received!.headers['x-stewrd-signature']).split(',')[1]!
  const secrets = [secret, replaced.secret!]
  for (const trace of [...secrets, SAID, 'Hello from the upstream.', 'team=7', signed, 'SENTINEL-of-the-receiver'])
    expect(stored.includes(trace), trace).toBe(false)
  const logs = bed.server.logs.join('')
  for (const trace of [...secrets, SAID, 'team=7', 'SENTINEL']) expect(logs.includes(trace), trace).toBe(false)
  for (const one of secrets) expect(bed.server.answers.filter((text) => text.includes(one))).toHaveLength(1)
  await bed.close()
})
