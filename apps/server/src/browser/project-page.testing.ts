import { startUpstream } from '@stewrd/runtime/testing/upstream.ts'
import type { Page } from 'playwright-core'
import { clientOf, owner, signIn } from '../testing/server.ts'
import { makeHome, removeHome, startServer, stewrd } from '../testing/server-process.ts'
import { confirmPasswordWhenAsked, expectAccessible, expectFits, launchBrowser, picture } from './browser.ts'

export type ProjectPage = Awaited<ReturnType<typeof openProjectPage>>
type Options = {
  name: string
  keys: readonly [string, ...string[]]
  variables?: (upstream: string) => Record<string, string>
}

/** A server, a project on an upstream that takes `keys`, and the browser of its owner, who is signed in. `problems` are errors of its pages. */
export async function openProjectPage({ name, keys, variables = () => ({}) }: Options) {
  const upstream = await startUpstream({ keys })
  const home = await makeHome()
  await stewrd(home, ['owner', 'create', '--email', owner.email], { stdin: owner.password })
  const server = await startServer(home, { STEWRD_EGRESS_ALLOW: upstream.host, ...variables(upstream.baseUrl) })
  const client = clientOf(server.url, await signIn(server.url, owner))
  const { projectId, apiKey } = await client.projects.create.mutate({ name })
  const to = { projectId, provider: 'custom', baseUrl: upstream.baseUrl, model: 'gpt-4o' } as const
  await client.llm.set.mutate({ ...to, key: keys[0] })
  const browser = await launchBrowser()
  const page = await (await browser.newContext({ viewport: { width: 1440, height: 1000 } })).newPage()
  const problems: string[] = []
  page.setDefaultTimeout(20_000)
  page.on('pageerror', (error) => problems.push(error.message))
  await confirmPasswordWhenAsked(page, owner.password)
  await signInOn(page, server.url)
  await page.getByRole('link', { name }).waitFor()
  return {
    upstream,
    server,
    client,
    page,
    problems,
    project: { projectId, apiKey: apiKey! },
    card: (of: string) => page.getByRole('region', { name: of, exact: true }),
    /** To a page of the project. */
    tab: (of: string) =>
      page.getByRole('navigation', { name: 'Project' }).getByRole('link', { name: of, exact: true }).click(),
    /** The status of a run that says hello. */
    async ask(): Promise<number> {
      const response = await fetch(`${server.url}/v1/agent`, {
        method: 'POST',
        headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({ message: 'Hi' }),
      })
      return response.status
    },
    async expectGoodPage(of: string) {
      await page.evaluate('document.fonts.ready.then(() => true)')
      await picture(page, of)
      await expectAccessible(page, of)
      await expectFits(page, of)
    },
    async close() {
      await browser.close()
      await server.stop()
      await removeHome(server.home)
      await upstream.close()
    },
  }
}

async function signInOn(page: Page, url: string) {
  await page.goto(`${url}/sign-in`)
  await page.getByLabel('Email').fill(owner.email)
  await page.getByLabel('Password').fill(owner.password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}
