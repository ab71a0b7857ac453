import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ServerProcess } from '../testing/server-process.ts'
import { makeHome, removeHome, startServer } from '../testing/server-process.ts'
import type { Receiver } from '../webhooks/testing/receiver.ts'
import { startReceiver, status } from '../webhooks/testing/receiver.ts'
import { expectAccessible, expectFits, launchBrowser, ownerPage, picture } from './browser.ts'

// One story in order: each chapter goes on where the one before it ended.
let receiver: Receiver
let server: ServerProcess
let browser: Browser
let page: Page
let secret: string
const problems: string[] = []

beforeAll(async () => {
  receiver = await startReceiver()
  server = await startServer(await makeHome(), { STEWRD_EGRESS_ALLOW: receiver.host })
  browser = await launchBrowser()
  page = await ownerPage(browser, server)
  page.on('pageerror', (error) => problems.push(error.message))
  await page.getByRole('button', { name: 'New project' }).click()
  await dialog().getByLabel('Name').fill('Support assistant')
  await dialog().getByRole('button', { name: 'Create project' }).click()
  await page.getByText('Copy it now: it is not shown again').waitFor()
})
afterAll(async () => {
  await browser?.close()
  await server?.stop()
  if (server) await removeHome(server.home)
  await receiver?.close()
})

const dialog = () => page.getByRole('dialog')
const tab = (name: string) => page.getByRole('navigation', { name: 'Project' }).getByRole('link', { name }).click()
async function expectGoodPage(name: string) {
  await page.evaluate('document.fonts.ready.then(() => true)')
  await picture(page, name)
  await expectAccessible(page, name)
  await expectFits(page, name)
}

test('without an address the page says what it is for; a private one is refused with what to do', async () => {
  await tab('Webhooks')
  await page.getByText('No webhook yet').waitFor()
  await expectGoodPage('webhooks-empty')
  await page.getByRole('button', { name: 'Set address' }).click()
  await dialog().getByLabel('Address').fill('https://10.0.0.1/hook')
  await dialog().getByRole('button', { name: 'Save address' }).click()
  await dialog().getByText('STEWRD_EGRESS_ALLOW').waitFor()
  await expectGoodPage('webhooks-refused')
})

test('the secret is shown once, with the address', async () => {
  await dialog().getByLabel('Address').fill(receiver.url)
  await dialog().getByRole('button', { name: 'Save address' }).click()
  await dialog().waitFor({ state: 'hidden' })
  await page.getByText('Copy the signing secret now').waitFor()
  secret = (await page.locator('code').textContent()) ?? ''
  expect(secret).toMatch(/^whsec_/)
  await page.getByText('Nothing sent yet').waitFor()
  await expectGoodPage('webhooks-secret')
})

test('a test, a run, and a receiver that refuses are shown in the list', async () => {
  await page.getByRole('button', { name: 'Send test' }).click()
  await page.getByRole('button', { name: 'webhook.test, delivered' }).waitFor()
  await tab('Playground')
  await page.getByLabel('Message').fill('Say hello')
  await page.getByRole('button', { name: 'Run' }).click()
  await page.getByRole('link', { name: 'Open run' }).waitFor()
  await tab('Webhooks')
  await page.getByRole('button', { name: 'agent.completed, delivered' }).waitFor()
  expect(receiver.seen.map(({ body }) => body.event)).toEqual(['webhook.test', 'agent.completed'])
  await page.getByText('Copy the signing secret now').waitFor({ state: 'hidden' })
  receiver.answer(status(503))
  await page.getByRole('button', { name: 'Send test' }).click()
  await page.getByRole('button', { name: 'webhook.test, pending' }).waitFor()
  await page.getByRole('cell', { name: '1 of 3' }).waitFor()
  await expectGoodPage('webhooks-list')
})

test('a delivery tells what went wrong, when it is tried again, and what it carries', async () => {
  await page.getByRole('button', { name: 'webhook.test, pending' }).click()
  await dialog().getByText('did not answer with a 2xx status').waitFor()
  await dialog().getByText('Next attempt').waitFor()
  await expectGoodPage('webhooks-delivery')
  await dialog().getByRole('button', { name: 'Close' }).last().click()
  await page.getByRole('button', { name: 'agent.completed, delivered' }).click()
  await dialog().getByText('"event": "agent.completed"').waitFor()
  receiver.answer((response) => void response.writeHead(200).end())
  const before = receiver.seen.length
  await dialog().getByRole('button', { name: 'Try again' }).click()
  await expect.poll(() => receiver.seen.length, { timeout: 10_000 }).toBe(before + 1)
  await dialog().getByText('HTTP 200').waitFor()
  await dialog().getByRole('button', { name: 'Close' }).last().click()
})

test('further events, a new secret beside the old one, and the snippet in both languages', async () => {
  const failed = page.getByRole('checkbox', { name: 'agent.failed' })
  await failed.click()
  await failed.and(page.locator(':checked:enabled')).waitFor()
  await page.getByRole('button', { name: 'Regenerate secret' }).click()
  await expectGoodPage('webhooks-regenerate')
  await dialog().getByRole('button', { name: 'Regenerate' }).click()
  await dialog().waitFor({ state: 'hidden' })
  await page.getByText('Two secrets sign').waitFor()
  expect(await page.locator('code').textContent()).not.toBe(secret)
  await page.getByRole('button', { name: 'Python' }).click()
  await page.getByText('import hashlib, hmac, time').waitFor()
  await expectGoodPage('webhooks-overlap')
})

test('an answer that fails is said, and tried again', async () => {
  await page.route('**/trpc/**', (route) => route.abort())
  await page.reload()
  await page.getByRole('button', { name: 'Try again' }).first().waitFor()
  await page.unrouteAll({ behavior: 'wait' })
  await page.reload()
  await page.getByText('Two secrets sign').waitFor()
  expect(await page.getByRole('button', { name: 'Try again' }).count()).toBe(0)
})

test('removed, it is as if there had been none; the history tells all of it', async () => {
  await page.getByRole('button', { name: 'Remove' }).click()
  await expectGoodPage('webhooks-remove')
  await dialog().getByRole('button', { name: 'Remove' }).click()
  await page.getByText('No webhook yet').waitFor()
  await tab('History')
  await page.getByText('removed the webhook to').first().waitFor()
  await page.getByText('replaced the webhook secret').first().waitFor()
  expect(problems).toEqual([])
  expect(server.output()).not.toContain('whsec_')
})
