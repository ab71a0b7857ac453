import type { Upstream } from '@stewrd/runtime/testing/upstream.ts'
import { startUpstream } from '@stewrd/runtime/testing/upstream.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeHome, removeHome, stewrd } from '../testing/server-process.ts'

const key = 'sk-model-aaaaaaaaaaaaaaaaaaa'
let upstream: Upstream
let home: string
beforeAll(async () => {
  upstream = await startUpstream({ keys: [key] })
  home = await makeHome()
})
afterAll(async () => {
  await removeHome(home)
  await upstream?.close()
})

test('a model that the provider does not list is set, and said', async () => {
  const command = (args: string[], stdin = '') =>
    stewrd(home, args, { stdin, variables: { STEWRD_EGRESS_ALLOW: upstream.host } })
  const { project_id: id } = (await command(['--json', 'project', 'create', 'Models'])).json() as { project_id: string }
  const place = ['--provider', 'custom', '--base-url', upstream.baseUrl, '--model', 'gpt-4o']
  expect((await command(['llm', 'set', id, ...place], key)).code).toBe(0)
  const listed = await command(['llm', 'model', id, 'gpt-4o-mini'])
  expect(listed).toMatchObject({ code: 0, stdout: expect.stringContaining('model gpt-4o-mini') as string })
  expect(listed.stderr).not.toContain('does not list')
  const unlisted = await command(['llm', 'model', id, 'gpt-unheard-of'])
  expect(unlisted).toMatchObject({ code: 0, stdout: expect.stringContaining('model gpt-unheard-of') as string })
  expect(unlisted.stderr).toContain('the provider does not list the model gpt-unheard-of')
}, 60_000)
