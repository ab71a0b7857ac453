import { connect, disconnect } from '@stewrd/db/connect.ts'
import { startEmbedded } from '@stewrd/db/embedded/embedded.ts'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { signIn } from '../testing/server.ts'
import type { ServerProcess } from '../testing/server-process.ts'
import { makeHome, removeHome, startServer, stewrd } from '../testing/server-process.ts'
import { expectAccessible, expectFits, launchBrowser, ownerPage, picture } from './browser.ts'

let server: ServerProcess
let browser: Browser
let page: Page
beforeAll(async () => {
  server = await startServer(await makeHome())
  browser = await launchBrowser()
  page = await ownerPage(browser, server)
  await stewrd(server.home, ['project', 'create', 'Support desk'])
})
afterAll(async () => {
  await browser?.close()
  await server?.stop()
  if (server) await removeHome(server.home)
})
const strip = () => page.getByRole('region', { name: 'Verification' })

test('the history is verified with a button, and says up to which event', async () => {
  await page.goto(`${server.url}/history`)
  await strip().getByText('Not verified yet').waitFor()
  await page.getByText('created the project').waitFor()
  await picture(page, 'unverified')
  await expectAccessible(page, 'unverified')
  await strip().getByRole('button', { name: 'Verify history' }).click()
  await strip()
    .getByText(/Verified to event #\d+/)
    .waitFor()
  expect(await strip().textContent()).toMatch(/Verified .* by Ada Lovelace\./)
  await picture(page, 'verified')
  await expectAccessible(page, 'verified')
  await expectFits(page, 'verified')
})

test('an event that was edited behind the program is named', async () => {
  const database = await startEmbedded({ home: server.home, as: 'command' })
  const sql = connect(database.url, { role: null })
  await sql`update events e set actor = 'operator:evil' from log l where l.idx = 1 and (e.stream, e.seq) = (l.stream, l.seq)`
  await disconnect(sql)
  await strip().getByRole('button', { name: 'Verify again' }).click()
  const alert = strip().getByRole('alert')
  await alert.getByText('is not what was appended').waitFor()
  expect(await alert.textContent()).toMatch(/Event 1 of \S+ \(\w+, entry 1 of the log\)/)
  await picture(page, 'not-verified')
  await expectAccessible(page, 'not-verified')
  await expectFits(page, 'not-verified')
})

test('a page whose session is ended on another device says so, and leads back to where it was', async () => {
  await page.getByText('Live', { exact: true }).waitFor()
  const account = { email: 'ada@example.com', password: 'correct horse battery' }
  const cookie = await signIn(server.url, account)
  const headers = { cookie, origin: server.url }
  await fetch(`${server.url}/api/auth/revoke-other-sessions`, { method: 'POST', headers })
  await page.getByText('Your session has ended').waitFor()
  await picture(page, 'session-ended')
  await expectAccessible(page, 'session-ended')
  await expectFits(page, 'session-ended')
  await page.getByLabel('Email').fill(account.email)
  await page.getByLabel('Password').fill(account.password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await strip().getByRole('alert').waitFor()
  expect(new URL(page.url()).pathname).toBe('/history')
})
