import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TestPlatform } from '../testing/platform.ts'
import { testPlatform } from '../testing/platform.ts'
import { stewrd } from '../testing/server-process.ts'

// Wrong uses need neither home nor database; the others share one database.
let tested: TestPlatform
beforeAll(async () => {
  tested = await testPlatform()
})
afterAll(() => tested?.close())

test.each([
  [['nosuch'], /^Unknown command 'nosuch'/],
  [['llm', 'show'], /missing required argument 'project'/i],
  [['project', 'list', '--nope'], /unknown option '--nope'/i],
  [['llm', 'set', 'x', '--provider'], /argument missing/i],
  [['keys'], /^Name a command/],
  [[], /^Name a command/],
  [['llm', 'show', 'nonsense'], /is not a project id/],
])('with --json a wrong use is one object on standard error: %j', async (args, message) => {
  const { code, stdout, stderr } = await stewrd('/nonexistent', ['--json', ...args])
  expect([code, stdout]).toEqual([2, ''])
  expect(JSON.parse(stderr)).toEqual({ error: { code: 'USAGE', message: expect.stringMatching(message) } })
})

test('without --json a wrong use is said in words', async () => {
  const { code, stderr } = await stewrd('/nonexistent', ['nosuch'])
  expect([code, stderr]).toEqual([2, expect.stringContaining("unknown command 'nosuch'")])
})

/** `stewrd doctor` on the database of this file, with its standard output somewhere else. */
function doctor(stdout: 'pipe' | number) {
  const env = { ...process.env, DATABASE_URL: tested.database.url, STEWRD_HOME: tested.env.home }
  const cli = new URL('../cli.ts', import.meta.url).pathname
  return spawn(process.execPath, [cli, 'doctor'], { env, stdio: ['ignore', stdout, 'pipe'] })
}

test('whoever closes the pipe ends the command quietly', async () => {
  const child = doctor('pipe')
  child.stdout!.destroy()
  const [said, [code]] = await Promise.all([text(child.stderr!), once(child, 'exit')])
  expect(said).toBe('')
  expect([0, 141]).toContain(code)
})

test('output on a full disk is one sentence', async () => {
  const full = await open('/dev/full', 'w')
  const child = doctor(full.fd)
  const [said, [code]] = await Promise.all([text(child.stderr!), once(child, 'exit')])
  await full.close()
  expect(said).toMatch(/^The output cannot be written\. The disk is full \(ENOSPC\)\. .*\n$/)
  expect(said.trim().split('\n')).toHaveLength(1)
  expect(code).toBe(1)
})
