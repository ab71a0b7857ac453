import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ProjectPage } from './project-page.testing.ts'
import { openProjectPage } from './project-page.testing.ts'

const key = 'sk-limits-aaaaaaaaaaaaaaaa'
let { upstream, server, client, page, project, problems, card, ask, expectGoodPage } = {} as ProjectPage
let opened: ProjectPage | undefined
beforeAll(async () => {
  const variables = () => ({ STEWRD_METERING: 'on', STEWRD_RATE_LIMIT_PER_MINUTE: '60' })
  opened = await openProjectPage({ name: 'Support assistant', keys: [key], variables })
  ;({ upstream, server, client, page, project, problems, card, ask, expectGoodPage } = opened)
}, 60_000)
afterAll(() => opened?.close())

test('the page shows the limits, the month and the credits, and changes the limits', async () => {
  for (let n = 0; n < 3; n++) expect(await ask()).toBe(200)
  upstream.fail('server-error')
  expect(await ask()).toBe(502)
  upstream.fail(undefined)
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
  await page.getByText('12.50 US dollars a month').first().waitFor()
})

test('a cost of which nothing is known is not shown as nothing', async () => {
  await opened!.tab('Usage')
  const figures = page.getByRole('definition').filter({ hasText: 'runs have no known price' })
  await figures.getByText('Unknown').waitFor()
  const words = page.getByRole('figure', { name: 'Usage over time' }).locator('text')
  const amounts = async () => (await words.allTextContents()).filter((text) => text.startsWith('$'))
  await expect.poll(amounts, { timeout: 5_000 }).toEqual(['$0'])
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

test('limits and configuration of an archived project stand fast, and no page failed', async () => {
  await client.projects.archive.mutate({ projectId: project.projectId })
  await page.goto(`${server.url}/projects/${project.projectId}/limits`)
  await card('Limits').waitFor()
  expect(await card('Limits').getByLabel('Runs at once').isDisabled()).toBe(true)
  await page.getByRole('link', { name: 'Overview' }).click()
  const llm = card('LLM configuration')
  await llm.getByRole('button', { name: 'Rotate key' }).waitFor()
  const buttons = await llm.getByRole('button').all()
  expect(buttons.length).toBeGreaterThan(3)
  for (const button of buttons) expect(await button.isDisabled()).toBe(true)
  await expectGoodPage('at-rest')
})

test('every page of a project at rest says so, and what is refused is shown disabled, with the reason', async () => {
  const archived = 'This project is archived: nothing in it can be changed.'
  const isFast = async (name: string) => {
    const button = page.getByRole('button', { name, exact: true })
    await button.waitFor()
    expect(await button.isDisabled(), name).toBe(true)
    expect(await button.getAttribute('title'), name).toBe(archived)
  }
  const { projectId } = await client.projects.create.mutate({ name: 'Never used' })
  await client.projects.archive.mutate({ projectId })
  await page.goto(`${server.url}/projects/${projectId}`)
  await page.getByRole('status').filter({ hasText: 'This project is archived' }).waitFor()
  await isFast('Set provider key')
  await isFast('Regenerate')
  expect(await page.getByText('Set a provider key to get real answers').count()).toBe(0)
  await opened!.tab('Webhooks')
  await page.getByRole('status').filter({ hasText: 'This project is archived' }).waitFor()
  await isFast('Set address')
  await opened!.tab('Playground')
  await isFast('Run')
})

test('an address that leads nowhere says so and shows the way back, and no page failed', async () => {
  for (const path of ['/projects/nothing', '/projects/01a2149d-0000-7000-8000-000000000000/runs']) {
    await page.goto(server.url + path)
    await page.getByRole('heading', { name: 'There is nothing here' }).waitFor()
    await page.getByRole('link', { name: 'Go to your projects' }).waitFor()
  }
  await page.goto(`${server.url}/projects/${project.projectId}/runs/01a2149d-0000-7000-8000-000000000000`)
  await page.getByRole('alert').getByText('There is no run').waitFor()
  expect(await page.getByRole('button', { name: 'Try again' }).count()).toBe(0)
  expect(problems).toEqual([])
  expect(server.output()).not.toContain(key)
})
