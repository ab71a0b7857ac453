import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ProjectPage } from './project-page.testing.ts'
import { openProjectPage } from './project-page.testing.ts'

// One story in order: each chapter goes on where the one before it ended.
const key = 'sk-usage-aaaaaaaaaaaaaaaaaaa'
const nextKey = 'sk-usage-bbbbbbbbbbbbbbbbbbb'
let { server, client, page, project, problems, expectGoodPage } = {} as ProjectPage
let opened: ProjectPage | undefined
beforeAll(async () => {
  opened = await openProjectPage({ name: 'Support assistant', keys: [key, nextKey] })
  ;({ server, client, page, project, problems, expectGoodPage } = opened)
}, 60_000)
afterAll(() => opened?.close())

const ask = async () => expect(await opened!.ask()).toBe(200)

test('before anything ran there is nothing to see, and a price can be set', async () => {
  await page.getByRole('link', { name: 'Usage' }).click()
  await page.getByText('Nothing ran in this time').waitFor()
  await page.getByText('No prices yet').waitFor()
  await expectGoodPage('usage-empty')
  await page.getByLabel('Model').fill('gpt-4o')
  await page.getByLabel('Input, $').fill('2.5')
  await page.getByLabel('Output, $').fill('10')
  await page.getByRole('button', { name: 'Set price' }).click()
  await page.getByRole('list', { name: 'Prices by model' }).getByText('$2.5 in').waitFor()
})

test('usage is drawn by model and key, with the changes of the configuration and what they did to the cost', async () => {
  const { projectId } = project
  for (let n = 0; n < 4; n++) await ask()
  await client.llm.changeModel.mutate({ projectId, model: 'gpt-4o-mini' })
  for (let n = 0; n < 2; n++) await ask()
  await client.prices.set.mutate({ model: 'gpt-4o-mini', input: 150, output: 600 })
  await client.llm.rotate.mutate({ projectId, key: nextKey })
  for (let n = 0; n < 3; n++) await ask()
  const from = Date.now() - 3_600_000
  await expect
    .poll(async () => (await client.usage.report.query({ from, to: Date.now() + 1000 })).totals.runs, {
      timeout: 15_000,
    })
    .toBe(9)
  await page.reload()
  const table = page.getByRole('region', { name: 'Usage by model' })
  await table.waitFor()
  expect(await table.getByRole('row').allInnerTexts()).toEqual([
    expect.stringContaining('Runs'),
    expect.stringMatching(/^gpt-4o\s+4\s+68\s+\$0\.00032/),
    expect.stringMatching(/^gpt-4o-mini\s+5\s+85\s+\$0\.000014\s*without 2 runs/),
  ])
  const changes = page.getByRole('region', { name: 'Configuration changes' })
  expect(await changes.getByRole('listitem').count()).toBe(3)
  await expectGoodPage('usage')
  await page.getByRole('button', { name: 'Key', exact: true }).click()
  await page.getByRole('region', { name: 'Usage by key' }).waitFor()
  expect(new URL(page.url()).search).toContain('by=key')
  await page.getByRole('button', { name: 'Project', exact: true }).click()
  await page.getByRole('region', { name: 'Usage by project' }).getByText('Support assistant').waitFor()
})

test('a project has its own page, the address keeps what is chosen, and a spreadsheet gets the same figures', async () => {
  await page.goto(`${server.url}/projects/${project.projectId}/usage?range=24h&by=key&show=tokens`)
  await page.getByText('Tokens by key').waitFor()
  expect(await page.getByRole('button', { name: '24 hours' }).getAttribute('aria-pressed')).toBe('true')
  await expectGoodPage('usage-project')
  const saved = page.waitForEvent('download')
  await page.getByRole('button', { name: 'CSV' }).click()
  const file = await saved
  expect(file.suggestedFilename()).toBe('usage-24h-by-key.csv')
  const rows = (await readFile(await file.path(), 'utf8')).trim().split('\n')
  expect(rows[0]).toBe('time,id,name,runs,failed,tokens,cost_usd,runs_without_price')
  expect(
    rows
      .slice(1)
      .map((row) => Number(row.split(',')[5]))
      .reduce((a, b) => a + b),
  ).toBe(9 * 17)
})

test('what cannot be read is said, and tried again', async () => {
  await page.route('**/trpc/**usage.report**', (route) => route.abort())
  await page.getByRole('button', { name: '90 days' }).click()
  await page.getByText('The server cannot be reached. Check that it runs, then try again.').waitFor()
  await expectGoodPage('usage-error')
  await page.unrouteAll({ behavior: 'ignoreErrors' })
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.getByText('Tokens by key').waitFor()
  expect(problems).toEqual([])
})
