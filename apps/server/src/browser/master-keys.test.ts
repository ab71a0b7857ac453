import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ServerProcess } from '../testing/server-process.ts'
import { makeHome, removeHome, startServer } from '../testing/server-process.ts'
import { expectAccessible, expectFits, launchBrowser, ownerPage, picture } from './browser.ts'

let server: ServerProcess
let browser: Browser
beforeAll(async () => {
  server = await startServer(await makeHome())
  browser = await launchBrowser()
})
afterAll(async () => {
  await browser?.close()
  await server?.stop()
  if (server) await removeHome(server.home)
})

test('the master key is rotated and the old one retired on a page, and the history tells it', async () => {
  const page = await ownerPage(browser, server)
  await page.getByRole('link', { name: 'Master keys' }).click()
  await page.getByRole('heading', { name: 'Master keys' }).waitFor()
  await page.getByRole('button', { name: 'Rotate' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Rotate' }).click()
  await page.getByText('0 values left under key').waitFor()
  await picture(page, 'master-keys')
  await expectAccessible(page, 'master-keys')
  await expectFits(page, 'master-keys')
  await page.getByRole('button', { name: 'Retire' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Retire' }).click()
  await page.getByText('Retired', { exact: true }).waitFor()
  await page.goto(`${server.url}/history`)
  await page.getByText('started the rotation of the master key').waitFor()
  await page.getByText('retired the master key').waitFor()
  expect(await page.getByText('left under the old').count()).toBe(1)
}, 90_000)
