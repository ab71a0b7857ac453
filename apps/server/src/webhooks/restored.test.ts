import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { generateIdentity, identityToRecipient } from 'age-encryption'
import { Secret } from '@stewrd/crypto/secret.ts'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { backUp } from '../backup/backup.ts'
import { restore } from '../backup/restore.ts'
import { emptyPlace } from '../backup/testing/empty-place.ts'
import { createLogger } from '../kernel/log.ts'
import { createPlatform } from '../platform.ts'
import type { WebhookBed } from './testing/bed.ts'
import { openWebhookBed, quick } from './testing/bed.ts'
import { ok, status } from './testing/receiver.ts'

const times = { ...quick, retryMs: [2_000, 2_000], lateMs: 0 }
let bed: WebhookBed
beforeAll(async () => {
  bed = await openWebhookBed(times)
})
afterAll(() => bed?.close())

/** The server of a backup, made anew in another place, with the same keyring and the same surroundings. */
async function restored() {
  const { env, database } = bed.tested
  const identity = await generateIdentity()
  const file = join(env.home, `backup-${randomUUID()}`)
  onTestFinished(() => rm(file, { force: true }))
  const to = { recipients: [await identityToRecipient(identity)] }
  await backUp({ url: database.url, env }, { file, to, withMasterKey: false, version: '0' })
  const place = await emptyPlace({
    keyring: join(env.home, 'keyring.json'),
    variables: { STEWRD_EGRESS_ALLOW: env.egressAllow.join() },
  })
  await restore(
    { env: place.env, database: async () => place.url },
    { file, key: { identities: new Secret(identity) }, senders: { allowUnsigned: true } },
  )
  return place.env
}

test('a restore of a backup delivers what was pending, and what had no delivery yet', async () => {
  const { projectId, apiKey } = await bed.newProject()
  bed.receiver.answer(status(503))
  const tried = (await (await bed.run(apiKey, 'tried')).json()) as { id: string }
  await vi.waitFor(
    async () => expect(await bed.deliveries(projectId)).toMatchObject([{ status: 'pending', attempts: 1 }]),
    { timeout: 5_000 },
  )
  // From here on this server sends nothing any more.
  await bed.tested.platform.webhooks.stop()
  const [first] = bed.to(projectId)
  const untried = (await (await bed.run(apiKey, 'untried')).json()) as { id: string }
  const env = await restored()
  bed.receiver.answer(ok)
  const log = createLogger({ production: true, logLevel: 'silent' })
  const again = await createPlatform(env, { as: 'server', log, webhookTimes: times })
  onTestFinished(() => again.close())
  await vi.waitFor(() => expect(bed.to(projectId)).toHaveLength(3), { timeout: 20_000 })
  const later = bed.to(projectId).slice(1)
  const [repeated] = later.filter(({ body }) => body['id'] === tried.id)
  expect(repeated).toMatchObject({ id: first!.id, raw: first!.raw })
  expect(new Set(later.map(({ body }) => body['id']))).toEqual(new Set([tried.id, untried.id]))
  const statuses = async () => {
    const rows = await again.sql<{ status: string; attempts: number }[]>`
      select status, attempts from webhook_deliveries where project_id = ${projectId} order by attempts`
    return rows.map((row) => [row.status, row.attempts])
  }
  await vi.waitFor(
    async () =>
      expect(await statuses()).toEqual([
        ['delivered', 1],
        ['delivered', 2],
      ]),
    10_000,
  )
}, 60_000)
