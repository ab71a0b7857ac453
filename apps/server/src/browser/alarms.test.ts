import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { signCheckpoint } from '@stewrd/crypto/checkpoint.ts'
import { noteSigner } from '@stewrd/crypto/signed-note.ts'
import { connect, disconnect } from '@stewrd/db/connect.ts'
import { startEmbedded } from '@stewrd/db/embedded/embedded.ts'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkpointFiles } from '../log/checkpoint-files.ts'
import type { ServerProcess } from '../testing/server-process.ts'
import { makeHome, removeHome, startServer } from '../testing/server-process.ts'
import { expectAccessible, expectFits, launchBrowser, ownerPage, picture } from './browser.ts'

let anchors: string
let server: ServerProcess
let browser: Browser
beforeAll(async () => {
  anchors = await mkdtemp(join(tmpdir(), 'stewrd-anchors-'))
  const another = noteSigner('stewrd/log/another', Buffer.alloc(32, 1))
  await checkpointFiles(anchors).keep(7, signCheckpoint(another, { size: 7, root: Buffer.alloc(32) }))
  server = await startServer(await makeHome(), { STEWRD_ANCHOR_DIR: anchors })
  browser = await launchBrowser()
})
afterAll(async () => {
  await browser?.close()
  await server?.stop()
  if (server) await removeHome(server.home)
  await rm(anchors, { recursive: true, force: true })
})

let page: Page
beforeAll(async () => {
  page = await ownerPage(browser, server)
})
const alarm = (text: string) => page.getByRole('alert').filter({ hasText: text })

test('while the history is not being signed, every page says so and why', async () => {
  const unsigned = alarm('The history is not being signed')
  await unsigned.waitFor()
  await page.goto(`${server.url}/system`)
  await page.getByRole('heading', { name: 'Signed history' }).waitFor()
  await unsigned.waitFor()
  expect(await unsigned.textContent()).toContain(anchors)
  expect(await unsigned.textContent()).toContain("was not signed by this log's key")
  await picture(page, 'log-alarm')
  await expectAccessible(page, 'log-alarm')
  await expectFits(page, 'log-alarm')
})

test('a read model that stopped says so on every page, and on the system page why and what to do', async () => {
  const database = await startEmbedded({ home: server.home, as: 'command' })
  const sql = connect(database.url, { role: null })
  await sql`
    update projections set status = 'quarantined', error = 'EVENT_UNKNOWN at ' || checkpoint where view = 'held-keys'`
  await disconnect(sql)
  await page.goto(server.url)
  await alarm('What these pages show is not complete').getByRole('link', { name: 'See why' }).click()
  const row = page.getByRole('listitem').filter({ hasText: 'held-keys' })
  await row.getByText('Stopped').waitFor()
  expect(await row.textContent()).toContain('a newer version of Stewrd wrote an event there')
  expect(await row.textContent()).toContain('Replaced provider keys are not destroyed until it goes on.')
  await picture(page, 'view-stopped')
  await expectAccessible(page, 'view-stopped')
  await expectFits(page, 'view-stopped')
})
