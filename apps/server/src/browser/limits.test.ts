import { startUpstream } from '@stewrd/runtime/testing/upstream.ts'
import type { Upstream } from '@stewrd/runtime/testing/upstream.ts'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clientOf, owner, signIn } from '../testing/server.ts'
import type { ServerProcess } from '../testing/server-process.ts'
import { makeHome, removeHome, startServer, stewrd } from '../testing/server-process.ts'
import { expectAccessible, expectFits, launchBrowser, picture } from './browser.ts'

const key = 'sk-limits-aaaaaaaaaaaaaaaa'
let upstream: Upstream
let server: ServerProcess
let browser: Browser
let page: Page
let project: { projectId: string; apiKey: string | null }
const problems: string[] = []

beforeAll(async () => {
  upstream = await startUpstream({ keys: [key] })
  const variables = { STEWRD_EGRESS_ALLOW: upstream.host, STEWRD_METERING: 'on', STEWRD_RATE_LIMIT_PER_MINUTE: '60' }
  const home = await makeHome()
  await stewrd(home, ['owner', 'create', '--email', owner.email], { stdin: owner.password })
  server = await startServer(home, variables)
  const client = clientOf(server.url, await signIn(server.url, owner))
  project = await client.projects.create.mutate({ name: 'Support assistant' })
  const { projectId } = project
  await client.llm.set.mutate({ projectId, provider: 'custom', baseUrl: upstream.baseUrl, model: 'gpt-4o', key })
  browser = await launchBrowser()
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 } })
  page = await context.newPage()
  page.setDefaultTimeout(20_000)
  page.on('pageerror', (error) => problems.push(error.message))
}, 60_000)
afterAll(async () => {
  await browser?.close()
  await server?.stop()
  if (server) await removeHome(server.home)
  await upstream?.close()
})

const card = (name: string) => page.getByRole('region', { name, exact: true })
const ask = () =>
  fetch(`${server.url}/v1/agent`, {
    method: 'POST',
    headers: { authorization: `Bearer ${project.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ message: 'Hi' }),
  }).then(({ status }) => status)
async function expectGoodPage(name: string) {
  await page.evaluate('document.fonts.ready.then(() => true)')
  await picture(page, name)
  await expectAccessible(page, name)
  await expectFits(page, name)
}

test('the page shows the limits, the month and the credits, and changes the limits', async () => {
  for (let n = 0; n < 3; n++) expect(await ask()).toBe(200)
  upstream.fail('server-error')
  expect(await ask()).toBe(502)
  upstream.fail(undefined)
  await page.goto(`${server.url}/sign-in`)
  await page.getByLabel('Email').fill(owner.email)
  await page.getByLabel('Password').fill(owner.password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('link', { name: 'Support assistant' }).first().click()
  await page.getByRole('link', { name: 'Limits & credits' }).click()
  await card('Credits').getByText('197 of 200').waitFor()
  await card('Credits').getByText('Run failed, given back').waitFor()
  await expectGoodPage('limits')
  const limits = card('Limits')
  expect(await limits.getByLabel('Runs a minute').getAttribute('placeholder')).toBe("60 (the server's)")
  await limits.getByLabel('Runs a minute').fill('120')
  await limits.getByLabel('Runs at once').fill('10')
  await limits.getByLabel('Tokens a month').fill('1000000')
  await limits.getByLabel('US dollars a month').fill('12.50')
  await limits.getByRole('button', { name: 'Save limits' }).click()
  await page.getByText('Saved. The next run begins under these limits.').waitFor()
  await card('This month').getByText('of $12.50').waitFor()
  await page.getByRole('link', { name: 'History', exact: true }).last().click()
  await page.getByText('changed the limits').first().waitFor()
})

test('a budget that is nearly spent is an alarm on every page of the project; spent, it says that runs are refused', async () => {
  await page.getByRole('link', { name: 'Limits & credits' }).first().click()
  const used = await card('This month')
    .getByText(/tokens of/)
    .innerText()
  const tokens = Number(/^([\d,]+)/.exec(used)![1]!.replaceAll(',', ''))
  const set = async (budget: number) => {
    await card('Limits').getByLabel('Tokens a month').fill(String(budget))
    await card('Limits').getByRole('button', { name: 'Save limits' }).click()
  }
  await set(Math.ceil(tokens / 0.9))
  await page.getByText('The budget of the month is nearly spent').waitFor()
  await set(tokens)
  await page.getByText('The budget of the month is spent').waitFor()
  await expectGoodPage('limits-spent')
  await page.getByRole('link', { name: 'Overview' }).click()
  await page.getByText('New runs are refused until it is raised').waitFor()
  await expectGoodPage('limits-alarm')
})

test('the limits of an archived project stand fast, and no page failed', async () => {
  const client = clientOf(server.url, await signIn(server.url, owner))
  await client.projects.archive.mutate({ projectId: project.projectId })
  await page.goto(`${server.url}/projects/${project.projectId}/limits`)
  await card('Limits').waitFor()
  expect(await card('Limits').getByLabel('Runs at once').isDisabled()).toBe(true)
  expect(problems).toEqual([])
  expect(server.output()).not.toContain(key)
})
