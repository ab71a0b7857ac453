import { startUpstream } from '@stewrd/runtime/testing/upstream.ts'
import type { Upstream } from '@stewrd/runtime/testing/upstream.ts'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ServerProcess } from '../testing/server-process.ts'
import { makeHome, removeHome, startServer } from '../testing/server-process.ts'
import { expectAccessible, expectFits, launchBrowser, picture } from './browser.ts'

// One story in order: each chapter goes on where the one before it ended.
const keyA = 'sk-rotations-aaaaaaaaaaaaaaaa'
const keyB = 'sk-rotations-bbbbbbbbbbbbbbbb'
const keyC = 'sk-rotations-cccccccccccccccc'
const keyD = 'sk-rotations-dddddddddddddddd'

let upstream: Upstream
let server: ServerProcess
let browser: Browser
let page: Page
let project: string
const problems: string[] = []

beforeAll(async () => {
  upstream = await startUpstream({ keys: [keyA, keyB, keyC, keyD], answer: 'Hello from the upstream model.' })
  server = await startServer(await makeHome(), { STEWRD_EGRESS_ALLOW: upstream.host })
  browser = await launchBrowser()
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 } })
  page = await context.newPage()
  page.setDefaultTimeout(20_000)
  page.on('pageerror', (error) => problems.push(error.message))
})
afterAll(async () => {
  // A page still asks while the last test ends.
  await page?.unrouteAll({ behavior: 'ignoreErrors' })
  await browser?.close()
  await server?.stop()
  if (server) await removeHome(server.home)
  await upstream?.close()
})

const go = (path: string) => page.goto(`${server.url}${path}`)
const dialog = () => page.getByRole('dialog')
const card = () => page.getByRole('region', { name: 'LLM configuration' })
const overview = () => page.getByRole('link', { name: 'Overview' }).click()
async function expectGoodPage(name: string) {
  await page.evaluate('document.fonts.ready.then(() => true)')
  await picture(page, name)
  await expectAccessible(page, name)
  await expectFits(page, name)
}

async function run() {
  await page.getByRole('link', { name: 'Playground' }).click()
  await page.getByLabel('Message').fill('Say hello')
  await page.getByRole('button', { name: 'Run' }).click()
  await page.getByText('Hello from the upstream model.').waitFor()
  await page.getByRole('link', { name: 'Open run' }).waitFor()
}

async function rotate(key: string, overlap: string, button: 'Rotate key' | 'Stage') {
  await page.getByRole('button', { name: 'Rotate key' }).click()
  await dialog().getByLabel('New API key').fill(key)
  await dialog().getByLabel('Keep the old key').selectOption(overlap)
  if (button === 'Rotate key') await expectGoodPage('rotation-dialog')
  await dialog().getByRole('button', { name: button, exact: true }).click()
  await dialog().waitFor({ state: 'hidden' })
}

test('a project with a key is to be rotated by the rule of the deployment, until it has its own', async () => {
  await page.goto(server.setupLink!)
  await page.getByLabel('Name').fill('Ada Lovelace')
  await page.getByLabel('Email').fill('ada@example.com')
  await page.getByLabel('Password').fill('correct horse battery')
  await page.getByRole('button', { name: 'Create account' }).click()
  await page.getByRole('button', { name: 'New project' }).click()
  await dialog().getByLabel('Name').fill('Support assistant')
  await dialog().getByRole('button', { name: 'Create project' }).click()
  await page.getByText('Copy it now: it is not shown again').waitFor()
  project = /projects\/([0-9a-f-]+)/.exec(page.url())![1]!
  await page.getByRole('button', { name: 'Set provider key' }).click()
  await dialog().getByLabel('Provider').selectOption('custom')
  await dialog().getByLabel('Base URL').fill(upstream.baseUrl)
  await dialog().getByLabel('API Key').fill(keyA)
  await dialog().getByRole('combobox', { name: 'Model' }).click()
  await page.getByPlaceholder('Search, or type any model id').fill('gpt-4o')
  await page.getByRole('option').filter({ hasText: 'gpt-4o' }).first().click()
  await dialog().getByRole('button', { name: 'Save' }).click()
  await dialog().waitFor({ state: 'hidden' })
  await card().getByText('Default: 90 days').waitFor()
  await card().getByRole('button', { name: 'Change rotation rule' }).click()
  await dialog().getByLabel('Rotate the key after (days)').fill('30')
  await dialog().getByLabel('Reason').fill('New contract')
  await expectGoodPage('rotation-rule')
  await dialog().getByRole('button', { name: 'Save rule' }).click()
  await card().getByText('Rule: 30 days').waitFor()
})

test('a rotation with an overlap keeps the old key as a fallback; a run that needs it says so', async () => {
  await rotate(keyB, '60', 'Rotate key')
  await card().getByText('The old key is a fallback').waitFor()
  await expectGoodPage('rotation-overlap')
  upstream.setKeys([keyA])
  await run()
  await page.getByRole('link', { name: 'Open run' }).click()
  await page.getByRole('region', { name: 'What it used' }).getByText('Went on with the old key').waitFor()
  await expectGoodPage('rotation-run-fallback')
  await page.getByRole('link', { name: 'Runs' }).last().click()
  await page.getByText('then the old').waitFor()
  await expectGoodPage('rotation-runs')
  await overview()
  await card().getByText('The provider rejects the key').waitFor()
  upstream.setKeys([keyA, keyB, keyC, keyD])
})

test('within the overlap it is rolled back', async () => {
  await card().getByRole('button', { name: 'Roll back' }).click()
  await expectGoodPage('rotation-roll-back')
  await dialog().getByRole('button', { name: 'Roll back' }).click()
  await page.getByText('Rolled back. New runs use the old key again.').waitFor()
  await card().getByText('The old key is a fallback').waitFor({ state: 'hidden' })
  await run()
  expect(upstream.seen.at(-1)?.key).toBe(keyA)
})

test('a staged key is used by nobody; activated it is, and the overlap can be ended early', async () => {
  await overview()
  await rotate(keyC, '0', 'Stage')
  await card().getByText('A key is staged').waitFor()
  await expectGoodPage('rotation-staged')
  await card().getByRole('button', { name: 'Activate' }).click()
  await expectGoodPage('rotation-activate')
  await dialog().getByRole('button', { name: 'Activate key' }).click()
  await dialog().waitFor({ state: 'hidden' })
  await run()
  expect(upstream.seen.at(-1)?.key).toBe(keyC)
  await overview()
  await card().getByRole('button', { name: 'End overlap' }).click()
  await dialog().getByRole('button', { name: 'End overlap' }).click()
  await page.getByText('Ended. The old key is destroyed.').waitFor()
})

test('time travel says that a key of then is gone', async () => {
  await rotate(keyD, '0', 'Rotate key')
  await page.getByRole('link', { name: 'Time travel' }).click()
  await page.getByRole('slider', { name: 'Then: revision' }).fill('1')
  await page.getByText('Key destroyed').waitFor()
  await expectGoodPage('rotation-time-travel')
})

test('the audit tells all of it, and is a document', async () => {
  await page.getByRole('link', { name: 'Rotations', exact: true }).click()
  await page.getByText('No run used a key after it was replaced').waitFor()
  await page.getByText('Fallback for 1 run', { exact: true }).waitFor()
  await page.getByText('Destroyed', { exact: true }).first().waitFor()
  await expectGoodPage('rotations-audit')
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'PDF' }).click()])
  expect(file.suggestedFilename()).toMatch(/^key-rotations-\d{4}-\d\d-\d\d\.pdf$/)
  const parts = await (await file.createReadStream()).toArray()
  const pdf = Buffer.concat(parts as Buffer[])
  expect(pdf.subarray(0, 5).toString()).toBe('%PDF-')
  await page.getByLabel('Measure by').fill('0')
  await page.getByText('One key is overdue for rotation').waitFor()
})

test('a key that is due soon, or overdue, is a reminder on the project and in the list', async () => {
  await ageOfKeys(20)
  await go(`/projects/${project}`)
  await card().getByText('The key is to be rotated within').waitFor()
  await expectGoodPage('rotation-due-soon')
  await go('/')
  await page.getByText(/Rotate within \d+ days/).waitFor()
  await ageOfKeys(60)
  await go('/')
  await page.getByText('Key overdue').waitFor()
  await expectGoodPage('rotation-overdue-list')
  await go(`/projects/${project}`)
  await card().getByText('The key is overdue for rotation').waitFor()
})

test('no page failed, and no key was seen', async () => {
  expect(problems).toEqual([])
  for (const key of [keyA, keyB, keyC, keyD]) expect(server.output()).not.toContain(key)
})

/** Weeks do not pass in a test: the answers of the server are made so many days older. */
async function ageOfKeys(days: number) {
  await page.unrouteAll({ behavior: 'wait' })
  await page.route('**/trpc/**', async (route) => {
    const response = await route.fetch()
    const text = await response.text()
    const older = text.replaceAll(/"status":"fine","maxAgeDays":30,"own":true,"dueAt":(\d+)/g, (_, at: string) => {
      const dueAt = Number(at) - days * 86_400_000
      const status = dueAt < Date.now() ? 'overdue' : 'soon'
      return `"status":"${status}","maxAgeDays":30,"own":true,"dueAt":${dueAt}`
    })
    await route.fulfill({ response, body: older })
  })
}
