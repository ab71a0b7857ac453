import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ServerProcess } from '../testing/server-process.ts'
import { makeHome, removeHome, startServer } from '../testing/server-process.ts'
import { expectAccessible, expectFits, launchBrowser, ownerPage, picture } from './browser.ts'

// One story in order: each chapter goes on where the one before it ended.
let server: ServerProcess
let browser: Browser
let page: Page
let apiKey: string
const problems: string[] = []

beforeAll(async () => {
  server = await startServer(await makeHome())
  browser = await launchBrowser()
  page = await ownerPage(browser, server)
  page.on('pageerror', (error) => problems.push(error.message))
  await page.getByRole('button', { name: 'New project' }).click()
  await page.getByRole('dialog').getByLabel('Name').fill('Weather desk')
  await page.getByRole('dialog').getByRole('button', { name: 'Create project' }).click()
  await page.getByText('Copy it now: it is not shown again').waitFor()
  apiKey = /sk-stw_[A-Za-z0-9]{36}/.exec((await page.textContent('main')) ?? '')![0]
})
afterAll(async () => {
  await browser?.close()
  await server?.stop()
  if (server) await removeHome(server.home)
})

const tool = { name: 'weather', description: 'The weather of a city.', parameters: { type: 'object' } }
type Body = { id: string; status: string; tool_calls: { id: string }[] }
const post = async (path: string, body: object) => {
  const response = await fetch(`${server.url}/v1/agent${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return (await response.json()) as Body
}
async function expectGoodPage(name: string) {
  await page.evaluate('document.fonts.ready.then(() => true)')
  await picture(page, name)
  await expectAccessible(page, name)
  await expectFits(page, name)
}

let paused: Body
test('a run that waits for its client says so, with the calls that it asked for', async () => {
  paused = await post('', { message: 'What is the weather in Bern?', tools: [tool] })
  expect(paused.status).toBe('requires_tool_outputs')
  await page.getByRole('navigation', { name: 'Project' }).getByRole('link', { name: 'Runs' }).click()
  await page.getByRole('region', { name: 'Runs, newest first' }).getByText('Waits for tool outputs').waitFor()
  await page.getByRole('link', { name: `Run ${paused.id}` }).click()
  await page.getByText('Waited for the client: weather').waitFor()
  await expectGoodPage('run-waiting')
})

test('a page that is open follows the run to its end, step by step', async () => {
  const list = paused.tool_calls.map(({ id }) => ({ tool_call_id: id, output: 'Sunny, 21 degrees' }))
  expect(await post(`/${paused.id}/tool-outputs`, { tool_outputs: list })).toMatchObject({ status: 'completed' })
  await page.getByText('The client sent the outputs').waitFor()
  await page.getByRole('region', { name: 'Step by step' }).getByText('Completed').waitFor()
  await expectGoodPage('run-steps')
})

test('no page threw an error', () => expect(problems).toEqual([]))
