import { connect, disconnect } from '@stewrd/db/connect.ts'
import { startEmbedded } from '@stewrd/db/embedded/embedded.ts'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
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
  for (const name of ['Support desk', 'Billing']) await stewrd(server.home, ['project', 'create', name])
})
afterAll(async () => {
  await browser?.close()
  await server?.stop()
  if (server) await removeHome(server.home)
})
const seen = async (name: string) => {
  await picture(page, name)
  await expectAccessible(page, name)
  await expectFits(page, name)
}
const dialog = () => page.getByRole('dialog')

test('a project is to be shredded once its name is typed, and that can be taken back', async () => {
  await page.goto(server.url)
  await page.getByRole('link', { name: /Support desk/ }).click()
  await page.getByRole('button', { name: 'Shred project' }).click()
  const button = dialog().getByRole('button', { name: 'Shred in seven days' })
  await dialog().getByLabel('Type “Support desk” to confirm').fill('Support')
  expect(await button.isDisabled()).toBe(true)
  await dialog().getByLabel('Type “Support desk” to confirm').fill('Support desk')
  await seen('shred-dialog')
  await button.click()
  const banner = page.getByRole('status').filter({ hasText: 'This project is to be shredded' })
  await banner.getByText('in 7 days').waitFor()
  await seen('shred-requested')
  await banner.getByRole('button', { name: 'Cancel the shredding' }).click()
  await banner.waitFor({ state: 'hidden' })
  await page.getByRole('button', { name: 'Shred project' }).waitFor()
})

/** As if whoever is signed in had entered the password that long ago. */
async function passwordEntered(minutesAgo: number): Promise<void> {
  const { url } = await startEmbedded({ home: server.home, as: 'command' })
  const sql = connect(url)
  await sql`update auth_sessions set verified_at = now() - make_interval(mins => ${minutesAgo})`
  await disconnect(sql)
}

test('a password that was entered some time ago is asked for again, and what was typed is kept', async () => {
  await page.getByRole('button', { name: 'Shred project' }).click()
  await dialog().getByLabel('Type “Support desk” to confirm').fill('Support desk')
  await dialog().getByLabel('Shred it now').check()
  await passwordEntered(6)
  await dialog().getByRole('button', { name: 'Shred now' }).click()
  const question = page.getByRole('dialog', { name: 'Confirm your password' })
  await question.waitFor()
  await seen('confirm-password')
  await question.getByLabel('Password').fill('not the password')
  await question.getByRole('button', { name: 'Confirm' }).click()
  await question.getByText('The password is wrong').waitFor()
  await seen('confirm-password-wrong')
  await question.getByRole('button', { name: 'Cancel' }).click()
  await dialog().getByText('Your password was not entered in the last five minutes').waitFor()
  expect(await dialog().getByLabel('Type “Support desk” to confirm').inputValue()).toBe('Support desk')
  await seen('confirm-password-cancelled')
})

test('a project that is shredded leaves its history, and what is still to be done for backups', async () => {
  await dialog().getByRole('button', { name: 'Shred now' }).click()
  const question = page.getByRole('dialog', { name: 'Confirm your password' })
  await question.getByLabel('Password').fill('correct horse battery')
  await question.getByLabel('Password').press('Enter')
  await page.getByText('A backup from before can be read').waitFor()
  await seen('shredded')
  const address = page.url()
  for (const tab of ['/webhooks', '/runs', '/playground']) {
    await page.goto(address + tab)
    await page.getByText('A backup from before can be read').waitFor()
    expect(page.url()).toBe(address)
  }
  await page.getByRole('link', { name: 'Its history' }).click()
  await page.getByText('shredded the project: its keys are destroyed').waitFor()
  await page.getByText('whose contents were shredded').first().click()
  await dialog().getByText('Its contents were shredded').waitFor()
  await seen('shredded-event')
  await page.goto(server.url)
  await page.getByRole('list', { name: 'Shredded projects' }).waitFor()
  expect(await page.getByText('Support desk').count()).toBe(0)
  await seen('shredded-list')
})

test('it is complete once the master keys from then are retired', async () => {
  const list = (await stewrd(server.home, ['keys', 'list', '--json'])).lines() as { key: string }[]
  expect((await stewrd(server.home, ['keys', 'rotate-master'])).code).toBe(0)
  for (const { key } of list) expect((await stewrd(server.home, ['keys', 'retire', key])).code).toBe(0)
  await page.reload()
  await page.getByRole('list', { name: 'Shredded projects' }).getByRole('link').click()
  await page.getByText('in a backup can be opened either').waitFor()
  await seen('shredded-complete')
}, 60_000)
