import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stewrd } from '../testing/server-process.ts'
import type { ProjectPage } from './project-page.testing.ts'
import { openProjectPage } from './project-page.testing.ts'

// One story in order: each chapter goes on where the one before it ended.
const key = 'sk-capabilities-aaaaaaaaaaaa'
let { upstream, server, page, project, problems, card, tab, expectGoodPage } = {} as ProjectPage
let opened: ProjectPage | undefined
beforeAll(async () => {
  const variables = (url: string) => ({
    STEWRD_DEFAULT_BASE_URL: url,
    STEWRD_DEFAULT_API_KEY: key,
    STEWRD_DEFAULT_MODEL: 'o1',
  })
  opened = await openProjectPage({ name: 'Back office', keys: [key], variables })
  ;({ upstream, server, page, project, problems, card, tab, expectGoodPage } = opened)
}, 60_000)
afterAll(() => opened?.close())

const report = {
  name: 'report.pdf',
  mimeType: 'application/pdf',
  buffer: readFileSync(new URL('../../../../testdata/files/report.pdf', import.meta.url)),
}
const say = async (message: string) => {
  await page.getByLabel('Message').fill(message)
  await page.getByRole('button', { name: 'Run', exact: true }).click()
}

test('capabilities are switched on and off; what this version cannot do is not offered', async () => {
  await page.goto(`${server.url}/projects/${project.projectId}`)
  const capabilities = card('Capabilities')
  expect(await capabilities.getByRole('switch', { name: 'Chat' }).isChecked()).toBe(true)
  expect(await capabilities.getByRole('switch', { name: 'Browser' }).isDisabled()).toBe(true)
  for (const name of ['Data', 'Files']) {
    await capabilities.getByRole('switch', { name }).click()
    await capabilities.getByRole('switch', { name, checked: true, disabled: false }).waitFor()
  }
  const fallback = card('When the provider fails').getByRole('switch')
  await fallback.click()
  await card('When the provider fails').getByRole('switch', { checked: true, disabled: false }).waitFor()
  await expectGoodPage('capabilities')
  const plan = ['project', 'plan', project.projectId, 'team', '--capabilities', 'chat,data,research']
  expect((await stewrd(server.home, plan)).code).toBe(0)
  await page.reload()
  await capabilities.getByText('Not in the plan team').waitFor()
  // What was on before the plan can be switched off.
  expect(await capabilities.getByRole('switch', { name: 'Files' }).isEnabled()).toBe(true)
  expect(await capabilities.getByRole('switch', { name: 'Documents' }).isDisabled()).toBe(true)
  await capabilities.getByRole('switch', { name: 'Browser' }).scrollIntoViewIfNeeded()
  await expectGoodPage('capabilities-in-a-plan')
  expect((await stewrd(server.home, ['project', 'plan', project.projectId, '--none'])).code).toBe(0)
  await fallback.click()
  await card('When the provider fails').getByRole('switch', { checked: false, disabled: false }).waitFor()
  await page.reload()
  await capabilities.getByRole('switch', { name: 'Data', checked: true }).waitFor()
  expect(await capabilities.getByRole('switch', { name: 'Research' }).isChecked()).toBe(false)
})

test('the playground keeps a conversation, sends files, and shows what tools do and make', async () => {
  await tab('Playground')
  await card('Settings').getByLabel('API key').fill(project.apiKey)
  await expectGoodPage('playground-empty')
  upstream.reply(({ messages }) => {
    const last = messages!.at(-1)!
    if (last.role === 'user') return { toolCalls: [{ id: 'a', name: 'read_file', arguments: '{"file":"report.pdf"}' }] }
    if (last.tool_call_id === 'a')
      return {
        toolCalls: [{ id: 'b', name: 'write_file', arguments: '{"name":"summary.md","content":"# Up by 12 percent"}' }],
      }
    return { content: 'Revenue is up. The summary is in summary.md.' }
  })
  await page.locator('input[type=file]').setInputFiles(report)
  await say('Sum up the report.')
  await page.getByText('Revenue is up. The summary is in summary.md.').waitFor()
  await page.getByText('Reading report.pdf').waitFor()
  const saved = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Download summary.md' }).click()
  expect((await saved).suggestedFilename()).toBe('summary.md')
  upstream.reply(({ messages }) => ({ content: `You have sent ${messages!.length} messages.` }))
  await say('How many messages?')
  await page.getByText('You have sent 4 messages.').waitFor()
  await expectGoodPage('playground')
})

test('with tools of one’s own the playground asks for their outputs, and goes on with them', async () => {
  await page.getByRole('button', { name: 'New conversation' }).click()
  await page.getByLabel('Your own tools').fill('[{"name": "bad name"}]')
  await page.getByText('“0.name” must be 1 to 64 letters, digits or underscores.').waitFor()
  await page.getByLabel('Your own tools').fill('')
  await page.getByRole('button', { name: 'Use an example' }).click()
  upstream.reply(({ messages }) =>
    messages!.at(-1)!.role === 'tool'
      ? { content: `It is ${messages!.at(-1)!.content}.` }
      : { toolCalls: [{ id: 'w', name: 'weather', arguments: '{"city":"Rome"}' }] },
  )
  await say('What is the weather in Rome?')
  await page.getByLabel('Output of weather').fill('sunny')
  await expectGoodPage('playground-tools')
  await page.getByRole('button', { name: 'Send outputs' }).click()
  await page.getByText('It is sunny.').waitFor()
})

test('a run is stopped, and an error of the server is said where it happened', async () => {
  await page.getByRole('button', { name: 'New conversation' }).click()
  await page.getByRole('button', { name: 'Clear the tools' }).click()
  upstream.reply(() => ({ content: 'one two three four five', pauseAfter: 2 }))
  await say('Count.')
  await page.getByText('one two').waitFor()
  const told = page.waitForResponse((response) => response.request().method() === 'DELETE')
  await page.getByRole('button', { name: 'Stop' }).click()
  await page.getByText('You stopped the run.').waitFor()
  expect((await told).status()).toBe(200)
  upstream.release()
  upstream.reply(undefined)
  upstream.setKeys([])
  await page.getByRole('button', { name: 'New conversation' }).click()
  await say('Hello?')
  await page.getByRole('alert').waitFor()
  await expectGoodPage('playground-error')
  upstream.setKeys([key])
  await tab('Runs')
  await page.getByRole('region', { name: 'Runs, newest first' }).getByText('Stopped').waitFor()
})

test('a run shows its files, and the files page has those that are stored, until one removes them', async () => {
  await page
    .getByRole('link', { name: /^Run .* completed$/ })
    .last()
    .click()
  const message = page.getByRole('list', { name: 'Files of the message' })
  const saved = page.waitForEvent('download')
  await message.getByRole('button', { name: 'Download report.pdf' }).click()
  expect((await saved).suggestedFilename()).toBe('report.pdf')
  await page.getByRole('list', { name: 'Files of the answer' }).waitFor()
  await expectGoodPage('run-files')
  await tab('Files')
  await page.getByRole('list', { name: 'Files, newest first' }).getByText('report.pdf').waitFor()
  await expectGoodPage('files')
  await page.getByRole('button', { name: 'Remove report.pdf' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
  await page.getByText('No files yet').waitFor()
  await expectGoodPage('files-empty')
})

test('sessions are listed, read as they were said, and deleted', async () => {
  await tab('Sessions')
  await page.getByRole('region', { name: 'Sessions, newest first' }).waitFor()
  await expectGoodPage('sessions')
  await page
    .getByRole('link', { name: /^Session / })
    .last()
    .click()
  await page.getByText('Revenue is up. The summary is in summary.md.').waitFor()
  await page.getByText('You have sent 4 messages.').waitFor()
  await expectGoodPage('session')
  await page.getByRole('link', { name: 'Its runs' }).click()
  await page.getByText('Session', { exact: false }).first().waitFor()
  await expect.poll(() => page.getByRole('link', { name: /^Run / }).count()).toBe(2)
  await page.goBack()
  await page.getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await page.getByText('This session was deleted').waitFor()
})

test('runs are filtered by what the address says, and one shows every event that is recorded of it', async () => {
  await tab('Runs')
  await page.getByLabel('Status').selectOption('cancelled')
  await expect.poll(() => page.getByRole('link', { name: /^Run / }).count()).toBe(1)
  expect(new URL(page.url()).search).toBe('?status=cancelled')
  await page.getByLabel('Model').selectOption('gpt-4o')
  await expectGoodPage('runs-filtered')
  await page.getByLabel('Status').selectOption('waiting')
  await page.getByText('No run is like that').waitFor()
  await page.getByRole('button', { name: 'Clear' }).click()
  await page
    .getByRole('link', { name: /^Run .* completed$/ })
    .first()
    .click()
  const events = card('Events')
  await events.getByText('RunStarted').click()
  expect(await events.getByLabel('Data of RunStarted').textContent()).toContain('"model": "gpt-4o"')
  expect(await events.textContent()).not.toContain(key)
  await expectGoodPage('run-events')
})

test('the API page has programs with the project’s own values', async () => {
  await tab('API')
  await expectGoodPage('api')
  const code = card('Code')
  for (const language of ['TypeScript', 'Python'])
    for (const task of ['Run an agent', 'Stream', 'Session', 'Your own tools', 'Files', 'OpenAI SDK']) {
      await code.getByRole('button', { name: language, exact: true }).click()
      await code.getByRole('button', { name: task, exact: true }).click()
      const text = await code.getByLabel(`${task} in ${language}`).textContent()
      expect(text).toContain(server.url)
      expect(text).not.toContain(project.apiKey)
    }
  expect(await code.getByLabel('OpenAI SDK in Python').textContent()).toContain('model="gpt-4o"')
  await expectGoodPage('api-python')
  await page.goto(`${server.url}/docs`)
  await page.getByRole('link', { name: 'POST /v1/agent', exact: true }).click()
  await expectGoodPage('docs')
  await page.goto(`${server.url}/docs/errors#rate_limited`)
  await expectGoodPage('docs-errors')
  expect(problems).toEqual([])
})
