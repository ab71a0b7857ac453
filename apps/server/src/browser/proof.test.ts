import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Upstream } from '@stewrd/runtime/testing/upstream.ts'
import { startUpstream } from '@stewrd/runtime/testing/upstream.ts'
import type { Browser, Download, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ServerProcess } from '../testing/server-process.ts'
import { makeHome, removeHome, startServer, stewrd } from '../testing/server-process.ts'
import { expectAccessible, expectFits, launchBrowser, ownerPage, picture } from './browser.ts'

// One story in order: each chapter goes on where the one before it ended.
const key = 'sk-proof-aaaaaaaaaaaaaaaa'
let upstream: Upstream
let server: ServerProcess
let browser: Browser
let page: Page
let folder: string
let project: string
let verifierKey: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stewrd-proof-pages-'))
  upstream = await startUpstream({ keys: [key], answer: 'Hello from the upstream model.' })
  server = await startServer(await makeHome(), { STEWRD_EGRESS_ALLOW: upstream.host })
  browser = await launchBrowser()
  page = await ownerPage(browser, server)
  const variables = { STEWRD_EGRESS_ALLOW: upstream.host }
  const made = await stewrd(server.home, ['project', 'create', 'Support desk', '--json'], { variables })
  const { project_id, api_key } = made.json() as { project_id: string; api_key: string }
  project = project_id
  const set = ['llm', 'set', project, '--provider', 'custom', '--base-url', upstream.baseUrl, '--model', 'gpt-4o']
  await stewrd(server.home, set, { stdin: key, variables })
  const audit = await stewrd(server.home, ['audit', 'key', '--json'])
  verifierKey = (audit.json() as { verifier_key: string }).verifier_key
  const answer = await fetch(`${server.url}/v1/agent`, {
    method: 'POST',
    headers: { authorization: `Bearer ${api_key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ message: 'Say hello', stream: false }),
  })
  await answer.text()
})
afterAll(async () => {
  await browser?.close()
  await server?.stop()
  if (server) await removeHome(server.home)
  await upstream?.close()
  if (folder) await rm(folder, { recursive: true })
})

async function expectGoodPage(name: string) {
  await picture(page, name)
  await expectAccessible(page, name)
  await expectFits(page, name)
}
/** As somebody who has the file and the key, and nothing else. */
async function checked(download: Download): Promise<string> {
  const path = join(folder, download.suggestedFilename())
  await download.saveAs(path)
  const { code, stdout } = await stewrd(join(folder, 'nobody'), ['audit', 'verify', path, '--key', verifierKey])
  expect(code, stdout).toBe(0)
  return stdout
}

test('the page of a run gives its receipt, which proves elsewhere what the run used', async () => {
  await page.goto(`${server.url}/projects/${project}/runs`)
  await page.getByRole('link', { name: /^Run .*, completed$/ }).click()
  const card = page.getByRole('region', { name: 'Run receipt' })
  await card.getByText('Signed', { exact: true }).waitFor()
  await card.scrollIntoViewIfNeeded()
  await expectGoodPage('proof-run')
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    card.getByRole('button', { name: 'Download receipt' }).click(),
  ])
  expect(file.suggestedFilename()).toMatch(/^run-[0-9a-f-]{36}\.proof$/)
  const said = await checked(file)
  expect(said).toMatch(/It used custom at \S+, model gpt-4o, the key fp_[0-9a-f]{16}/)
})

test('each event says where it stands in the signed log', async () => {
  await page.goto(`${server.url}/projects/${project}/history`)
  await page.getByText('set the provider').first().click()
  const sheet = page.getByRole('dialog')
  await sheet.getByText('Proved', { exact: true }).waitFor()
  expect(await sheet.textContent()).toMatch(/in the log at \d+, covered by the checkpoint of \d+ events/)
  await sheet.getByText('Proved', { exact: true }).scrollIntoViewIfNeeded()
  await expectGoodPage('proof-event')
  await page.keyboard.press('Escape')
})

test('the history of a project is downloaded as a bundle that is checked without this server', async () => {
  await page.getByRole('button', { name: 'Proof bundle' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('all under a signed checkpoint').waitFor()
  await expectGoodPage('proof-bundle')
  const take = async () => {
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      dialog.getByRole('link', { name: 'Download' }).click(),
    ])
    return checked(file)
  }
  expect(await take()).toMatch(/sealed payloads say/)
  await dialog.getByRole('radio', { name: /Everything/ }).check()
  const said = await take()
  expect(said).toMatch(/(\d+) of \1 payloads are shown/)
  expect(server.output()).not.toContain(key)
})
