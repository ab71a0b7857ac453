import { startUpstream } from '@stewrd/runtime/testing/upstream.ts'
import type { Upstream } from '@stewrd/runtime/testing/upstream.ts'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { confirmPasswordWhenAsked, expectAccessible, expectFits, launchBrowser, picture } from './browser.ts'
import type { ServerProcess } from '../testing/server-process.ts'
import { makeHome, removeHome, startServer } from '../testing/server-process.ts'

// One story, told in order by one person in one browser: each chapter goes on where the one before it ended.
const keyA = 'sk-story-aaaaaaaaaaaaaaaaaaaa'
const keyB = 'sk-story-bbbbbbbbbbbbbbbbbbbb'
const person = { name: 'Ada Lovelace', email: 'ada@example.com', password: 'correct horse battery' }

let upstream: Upstream
let server: ServerProcess
let browser: Browser
let page: Page
let project: string
const problems: string[] = []

beforeAll(async () => {
  upstream = await startUpstream({ keys: [keyA, keyB], answer: 'Hello from the upstream model.' })
  server = await startServer(await makeHome(), { STEWRD_EGRESS_ALLOW: upstream.host })
  browser = await launchBrowser()
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
  page = await context.newPage()
  await confirmPasswordWhenAsked(page)
  page.setDefaultTimeout(20_000)
  page.on('pageerror', (error) => problems.push(error.message))
})
afterAll(async () => {
  await browser?.close()
  await server?.stop()
  if (server) await removeHome(server.home)
  await upstream?.close()
})

const go = (path: string) => page.goto(`${server.url}${path}`)
const dialog = () => page.getByRole('dialog')
async function expectGoodPage(name: string) {
  await page.evaluate('document.fonts.ready.then(() => true)')
  await picture(page, name)
  await expectAccessible(page, name)
  await expectFits(page, name)
}

test('who is not signed in is asked to sign in, and told about the one-time link', async () => {
  await go('/')
  await page.getByText('There is no account yet').waitFor()
  await expectGoodPage('sign-in')
})

test('the one-time link makes the owner account and signs in; the token leaves the address bar', async () => {
  await page.goto(server.setupLink!)
  await page.getByLabel('Name').fill(person.name)
  await page.getByLabel('Email').fill(person.email)
  await page.getByLabel('Password').fill(person.password)
  expect(page.url()).not.toContain('token')
  await expectGoodPage('setup')
  await page.getByRole('button', { name: 'Create account' }).click()
  await page.getByRole('heading', { name: 'Make your first project' }).waitFor()
  await expectGoodPage('projects-empty')
})

test('a new project shows its API key once, in a snippet that works, and runs on the demo model', async () => {
  await page.getByRole('button', { name: 'New project' }).click()
  await dialog().getByLabel('Name').fill('Support assistant')
  await expectGoodPage('project-create')
  await dialog().getByRole('button', { name: 'Create project' }).click()
  await page.getByText('Copy it now: it is not shown again').waitFor()
  await page.getByText('This project runs on the demo model').waitFor()
  project = /projects\/([0-9a-f-]+)/.exec(page.url())![1]!
  await expect.poll(() => page.getByLabel('Example call').innerText()).toMatch(/Bearer sk-stw_[0-9A-Za-z]{36}/)
  await expectGoodPage('overview-new')
})

test('the playground streams an answer with the key that was just made', async () => {
  await page.getByRole('link', { name: 'Playground' }).click()
  await page.getByLabel('Message').fill('Say hello')
  await page.getByRole('button', { name: 'Run' }).click()
  await page.getByText('This is the Stewrd demo model').waitFor()
  await page.getByRole('link', { name: 'Open run' }).waitFor()
  await expectGoodPage('playground-demo')
})

test('a key that the provider refuses is not saved; a good one is tested, then saved', async () => {
  await page.getByRole('link', { name: 'Overview' }).click()
  await page.getByRole('button', { name: 'Set provider key' }).click()
  await dialog().getByLabel('Provider').selectOption('custom')
  await dialog().getByLabel('Base URL').fill(upstream.baseUrl)
  await dialog().getByLabel('API Key').fill('sk-story-wrong-wrong-wrong')
  await dialog().getByRole('combobox', { name: 'Model' }).click()
  await page.getByPlaceholder('Search, or type any model id').fill('gpt-4o')
  await page.getByText('Use gpt-4o').click()
  await dialog().getByRole('button', { name: 'Save' }).click()
  await dialog().getByText('The provider refused this key').waitFor()
  await expectGoodPage('llm-edit-rejected')
  await dialog().getByLabel('API Key').fill(keyA)
  await dialog().getByRole('button', { name: 'Test key' }).click()
  await dialog().getByText('The provider accepts this key').waitFor()
  await expectGoodPage('llm-edit-tested')
  await dialog().getByRole('button', { name: 'Save' }).click()
  await page.getByText('Key verified').first().waitFor()
  await dialog().waitFor({ state: 'hidden' })
  await expectGoodPage('overview')
})

test('the next run uses the key; after a rotation the next one uses the new key', async () => {
  await run('Say hello with A')
  expect(upstream.seen.at(-1)).toMatchObject({ key: keyA, model: 'gpt-4o' })
  await page.getByRole('link', { name: 'Overview' }).click()
  await page.getByRole('button', { name: 'Rotate key' }).click()
  await dialog().getByLabel('New API key').fill(keyB)
  await dialog().getByLabel('Reason').fill('Quarterly rotation')
  await expectGoodPage('llm-rotate')
  await dialog().getByRole('button', { name: 'Rotate key' }).click()
  await page.getByText('Rotated. No run starts on the old key any more.').waitFor()
  await run('Say hello with B')
  expect(upstream.seen.at(-1)).toMatchObject({ key: keyB, model: 'gpt-4o' })
})

test('a stale edit says who changed it and shows the difference, and saves nothing until taken up', async () => {
  await page.getByRole('link', { name: 'Overview' }).click()
  await page.getByRole('button', { name: 'Edit' }).click()
  const other = await page.context().newPage()
  await other.goto(`${server.url}/projects/${project}`)
  await changeModel(other, 'gpt-4o-mini')
  await other.close()
  await chooseModel(page, 'o1')
  await dialog().getByRole('button', { name: 'Save' }).click()
  await dialog().getByText('changed this while you were editing').waitFor()
  await expect.poll(() => dialog().getByRole('status').first().innerText()).toContain('gpt-4o-mini')
  await expectGoodPage('llm-edit-stale')
  await dialog().getByRole('button', { name: 'Go on from the new state' }).click()
  await dialog().getByRole('button', { name: 'Save' }).click()
  await dialog().waitFor({ state: 'hidden' })
  await expect.poll(() => page.getByRole('region', { name: 'LLM configuration' }).innerText()).toContain('o1')
})

test('history is live, says everything as sentences, filters by URL, and opens an event with its difference', async () => {
  await page.getByRole('link', { name: 'History' }).last().click()
  await page.getByText('Live', { exact: true }).waitFor()
  const other = await page.context().newPage()
  await other.goto(`${server.url}/projects/${project}`)
  await changeModel(other, 'gpt-4o')
  await other.close()
  await page.getByRole('button', { name: /changed the model from o1 to gpt-4o/ }).waitFor()
  await expectGoodPage('history')
  await page.getByLabel('Event type').selectOption('KeyRotated')
  const rotated = page.getByRole('button', { name: /rotated the provider key/ })
  await rotated.click()
  expect(page.url()).toContain('type=KeyRotated')
  await dialog().getByText('keyFingerprint').first().waitFor()
  await expectGoodPage('history-event')
  expect(await dialog().innerText()).toContain('Quarterly rotation')
  await page.keyboard.press('Escape')
  await page.getByLabel('Event type').selectOption('ProjectArchived')
  await page.getByText('No event matches these filters').waitFor()
  await expectGoodPage('history-none')
})

test('time travel shows the configuration of then, the difference, and restores its model as a new event', async () => {
  await page.getByRole('link', { name: 'Time travel' }).click()
  await page.getByRole('slider', { name: 'Then: revision' }).fill('3')
  await page.getByRole('heading', { name: 'Revision 3', exact: true }).waitFor()
  await expectGoodPage('time-travel')
  await page.getByRole('button', { name: 'Restore this model' }).click()
  await dialog().getByRole('button', { name: 'Restore model' }).click()
  await page.getByText('gpt-4o-mini is in use again').waitFor()
})

test('the rotation audit draws the keys, and exports what it shows', async () => {
  await page.getByRole('link', { name: 'Rotations', exact: true }).click()
  await page.getByText('No run used a key after it was replaced').waitFor()
  await page.getByRole('img', { name: /Timeline of 2 keys/ }).waitFor()
  await page.getByLabel('Measure by').fill('0')
  await page.getByText('One key is overdue for rotation').waitFor()
  await expectGoodPage('rotations')
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'CSV' }).click()])
  const csv = await (await file.createReadStream()).toArray()
  expect(
    Buffer.concat(csv as Buffer[])
      .toString('utf8')
      .trim()
      .split('\r\n'),
  ).toHaveLength(3)
})

test('runs, one run, the system page and a wrong address look right; the whole account has a history', async () => {
  await page.getByRole('link', { name: 'Runs' }).click()
  await page
    .getByRole('link', { name: /^Run .* completed$/ })
    .first()
    .waitFor()
  await expectGoodPage('runs')
  await page
    .getByRole('link', { name: /^Run .* completed$/ })
    .first()
    .click()
  await page.getByRole('region', { name: 'Answer' }).getByText('Hello from the upstream model.').waitFor()
  await expectGoodPage('run')
  await go('/system')
  await page.getByText('Read models').waitFor()
  await expectGoodPage('system')
  await go('/history')
  await page.getByRole('button', { name: /rotated the provider key/ }).waitFor()
  await go('/rotations')
  await page.getByRole('img', { name: /Timeline of 2 keys/ }).waitFor()
  await go('/')
  await page.getByRole('link', { name: /Support assistant/ }).waitFor()
  await expectGoodPage('projects')
  await go('/no/such/page')
  await page.getByRole('heading', { name: 'There is nothing here' }).waitFor()
  await expectGoodPage('not-found')
})

test('the keyboard goes to a project by name, and a server that is gone is said so', async () => {
  await go('/system')
  await page.getByText('Read models').waitFor()
  await page.keyboard.press('Control+k')
  await page.getByPlaceholder('Type a project or a page').fill('support')
  await page.keyboard.press('Enter')
  await page.getByRole('region', { name: 'LLM configuration' }).waitFor()
  await page.route('**/trpc/runs.list**', (route) => route.abort())
  await page.getByRole('link', { name: 'Runs' }).click()
  await page.getByText('The server cannot be reached').waitFor()
  await expectGoodPage('runs-error')
  await page.unroute('**/trpc/runs.list**')
  await page.getByRole('button', { name: 'Try again' }).click()
  await page
    .getByRole('link', { name: /^Run .* completed$/ })
    .first()
    .waitFor()
})

test('neither the browser nor the log keeps a provider key, and no page failed', async () => {
  const stored = await page.evaluate<string>('JSON.stringify([{ ...localStorage }, { ...sessionStorage }])')
  const cookies = JSON.stringify(await page.context().cookies())
  for (const key of [keyA, keyB, person.password]) {
    expect(stored).not.toContain(key)
    expect(cookies).not.toContain(key)
    expect(server.output()).not.toContain(key)
  }
  expect(problems).toEqual([])
})

async function run(message: string) {
  await page.getByRole('link', { name: 'Playground' }).click()
  await page.getByLabel('Message').fill(message)
  await page.getByRole('button', { name: 'Run' }).click()
  await page.getByText('Hello from the upstream model.').waitFor()
  await page.getByRole('link', { name: 'Open run' }).waitFor()
}

async function chooseModel(on: Page, model: string) {
  await on.getByRole('dialog').getByRole('combobox', { name: 'Model' }).click()
  await on.getByPlaceholder('Search, or type any model id').fill(model)
  await on.getByRole('option').filter({ hasText: model }).first().click()
}

async function changeModel(on: Page, model: string) {
  await on.getByRole('button', { name: 'Edit' }).click()
  await chooseModel(on, model)
  await on.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
  await on.getByRole('dialog').waitFor({ state: 'hidden' })
}
