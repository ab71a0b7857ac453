import type { Upstream } from '@stewrd/runtime/testing/upstream.ts'
import { startUpstream } from '@stewrd/runtime/testing/upstream.ts'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { moment } from './input.ts'
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

test.each([
  ['2026-11-23', '2026-11-23T00:00:00.000Z'],
  ['2026-11-23 14:30', '2026-11-23T14:30:00.000Z'],
  ['2026-11-23T14:30:05.250+05:30', '2026-11-23T09:00:05.250Z'],
  ['2024-02-29T23:59:59Z', '2024-02-29T23:59:59.000Z'],
  ['1795444200000', '2026-11-23T14:30:00.000Z'],
])('a time on the command line is said as it was understood: %s', (given, understood) => {
  const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  expect(new Date(moment(given, '--at')).toISOString()).toBe(understood)
  expect(said.mock.calls).toEqual([[`--at is ${understood}\n`]])
  said.mockRestore()
})

test.each([
  'yesterday',
  '23.11.2026',
  '11/23/2026',
  'Nov 23, 2026',
  '2026-02-31',
  '2026-13-01',
  '2026-11-23T25:00:00Z',
  '2026-11-23T24:00:00Z',
  '2026-11-23T14:30:00 CET',
  '2026-11-23T14:30:00+99:00',
  '1795444200',
  '2026',
  '',
])('what is no time is refused in words: %s', (given) => {
  expect(() => moment(given, '--at')).toThrow(`"${given}" is not a time. Write it like`)
})
