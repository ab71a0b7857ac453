import { randomUUID } from 'node:crypto'
import { webhooks, webhooksStream } from '@stewrd/core/webhooks/webhooks.ts'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { signatureOf } from './signature.ts'
import { Secret } from '@stewrd/crypto/secret.ts'
import type { WebhookBed } from './testing/bed.ts'
import { openWebhookBed } from './testing/bed.ts'

let bed: WebhookBed
beforeAll(async () => {
  bed = await openWebhookBed()
})
afterAll(() => bed?.close())

const refusal = (code: string) => ({ data: { refusal: { code } } })
const stateOf = async (projectId: string) => {
  const { platform } = bed.tested
  const stream = { accountId: platform.accountId, projectId, stream: webhooksStream(projectId) }
  const { state } = await platform.store.head(webhooks, stream)
  if (state.status === 'none') throw new Error('there is no webhook')
  return state
}
const v1s = (header: unknown) => String(header).split(',').slice(1)

test('the secret is shown once, with the first address, and never again', async () => {
  const { projectId } = await bed.client.projects.create.mutate({ name: 'x' })
  expect(await bed.client.webhooks.current.query({ projectId })).toEqual({ revision: 0, webhook: null })
  await expect(bed.client.webhooks.sendTest.mutate({ projectId })).rejects.toMatchObject(refusal('WEBHOOK_NOT_SET'))
  const input = { projectId, url: bed.receiver.url, commandId: randomUUID() }
  const first = await bed.client.webhooks.set.mutate(input)
  expect(first.secret).toMatch(/^whsec_[\w-]{43}$/)
  expect(await bed.client.webhooks.set.mutate(input)).toMatchObject({ secret: null, revision: 1 })
  const moved = await bed.client.webhooks.set.mutate({ projectId, url: `${bed.receiver.url}&moved=1` })
  expect(moved).toMatchObject({ secret: null, changed: true, revision: 2 })
  expect(moved.webhook!.secretFingerprint).toBe(first.webhook!.secretFingerprint)
  const { current, deliveries } = bed.client.webhooks
  const said = JSON.stringify([
    await current.query({ projectId }),
    await deliveries.query({ projectId }),
    await bed.client.history.list.query({ projectId }),
    bed.server.logs,
  ])
  expect(said).not.toContain(first.secret)
  expect(said).not.toContain((await stateOf(projectId)).secret.sealed)
})

test('plain http, and private addresses, only where the operator allowed them', async () => {
  const { projectId } = await bed.client.projects.create.mutate({ name: 'x' })
  for (const url of [
    'http://8.8.8.8/hook',
    'https://127.0.0.1:9/hook',
    'https://169.254.169.254/',
    'https://localhost/',
  ])
    await expect(bed.client.webhooks.set.mutate({ projectId, url })).rejects.toMatchObject(refusal('BASE_URL_REFUSED'))
  for (const url of ['https://u:SENTINEL@hooks.example/', 'ftp://hooks.example', 'hooks.example'])
    await expect(bed.client.webhooks.set.mutate({ projectId, url })).rejects.toMatchObject(refusal('INVALID_INPUT'))
  expect(await bed.client.webhooks.current.query({ projectId })).toEqual({ revision: 0, webhook: null })
})

test('while a secret is replaced both sign; then the value of the one before is destroyed', async () => {
  const { projectId, secret, apiKey } = await bed.newProject()
  const before = (await stateOf(projectId)).secret
  const change = await bed.client.webhooks.regenerateSecret.mutate({ projectId, overlapMinutes: 1 })
  expect(change.webhook!.overlap).toMatchObject({ fingerprint: before.fingerprint })
  await bed.run(apiKey)
  await bed.ended(projectId)
  const [{ headers, raw }] = bed.to(projectId) as [(typeof bed.receiver.seen)[number]]
  const t = Number(headers['x-stewrd-webhook-timestamp'])
  const [now, then] = [change.secret!, secret].map((text) => new Secret(text))
  expect(headers['x-stewrd-signature']).toBe(signatureOf([now!, then!], t, raw))
  const { platform } = bed.tested
  // What would come in a minute: the overlap is over.
  await bed.client.webhooks.regenerateSecret.mutate({ projectId, overlapMinutes: 0 })
  await expect
    .poll(() =>
      platform.secrets.openKey(projectId, 'webhook', before).then(
        () => 'open',
        (e: Error) => e.name,
      ),
    )
    .toBe('DataKeyMissing')
  await bed.client.webhooks.sendTest.mutate({ projectId })
  await vi.waitFor(() => expect(bed.to(projectId)).toHaveLength(2), { timeout: 5000 })
  expect(v1s(bed.to(projectId)[1]!.headers['x-stewrd-signature'])).toHaveLength(1)
})

test('an overlap that is over is ended by the server, and recorded', async () => {
  const { projectId } = await bed.newProject()
  const { platform } = bed.tested
  const before = (await stateOf(projectId)).secret
  const stream = { accountId: platform.accountId, projectId, stream: webhooksStream(projectId) }
  const sealed = await platform.secrets.sealKey(projectId, 'webhook', new Secret('whsec_another'))
  const command = { type: 'RegenerateWebhookSecret', secret: sealed, overlapMs: 1, now: Date.now() - 10 } as const
  await platform.store.execute(webhooks, stream, command, { commandId: randomUUID(), actor: 'operator:test' })
  await vi.waitFor(async () => expect(await stateOf(projectId)).not.toHaveProperty('previous'), { timeout: 10_000 })
  await expect(platform.secrets.openKey(projectId, 'webhook', before)).rejects.toMatchObject({ name: 'DataKeyMissing' })
  const { entries } = await bed.client.history.list.query({ projectId })
  expect(entries.map((e) => e.text)).toContain(`destroyed the replaced webhook secret ${before.fingerprint}`)
})

test('a removed webhook gets nothing, and its secret is destroyed', async () => {
  const { projectId, apiKey } = await bed.newProject()
  const { secret } = await stateOf(projectId)
  await bed.client.webhooks.remove.mutate({ projectId })
  const { platform } = bed.tested
  await expect
    .poll(() =>
      platform.secrets.openKey(projectId, 'webhook', secret).then(
        () => 'open',
        (e: Error) => e.name,
      ),
    )
    .toBe('DataKeyMissing')
  await bed.run(apiKey)
  const other = await bed.newProject()
  await bed.run(other.apiKey)
  await bed.ended(other.projectId)
  expect(bed.to(projectId)).toEqual([])
  expect(await bed.deliveries(projectId)).toEqual([])
})
