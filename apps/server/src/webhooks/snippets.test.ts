import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Secret } from '@stewrd/crypto/secret.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newSigningSecret, signatureOf } from './signature.ts'

// The page's own texts. The server is not made of the page, so they are found as a file.
const page = new URL('../../../web/src/features/webhooks/snippets.ts', import.meta.url)
let verifySnippets: Record<keyof typeof runners, string>
let folder: string
beforeAll(async () => {
  ;({ verifySnippets } = (await import(page.href)) as { verifySnippets: typeof verifySnippets })
  folder = await mkdtemp(join(tmpdir(), 'stewrd-snippets-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const secret = newSigningSecret()
const old = newSigningSecret()
const body = JSON.stringify({ event: 'agent.completed', message: 'Grüße, “日本語” 🙂' })
const now = Math.floor(Date.now() / 1000)
const good = signatureOf([secret], now, body)
const at = (seconds: number) => signatureOf([secret], now + seconds, body)
const forged = `t=${now},v1=${'0'.repeat(64)}`

const cases: [name: string, expected: boolean, header: string, body: string][] = [
  ['a signature of now', true, good, body],
  ['one of two secrets, the second', true, signatureOf([old, secret], now, body), body],
  ['one of two secrets, the first', true, signatureOf([secret, old], now, body), body],
  ['four minutes old', true, at(-240), body],
  ['six minutes old', false, at(-360), body],
  ['six minutes ahead', false, at(360), body],
  ['another secret', false, signatureOf([old], now, body), body],
  ['another body', false, good, body.replace('completed', 'failed')],
  ['another time with the same signature', false, good.replace(/t=\d+/, `t=${now - 1}`), body],
  ['no signature', false, `t=${now}`, body],
  ['no time', false, good.replace(/t=\d+,/, ''), body],
  ['a time that is none', false, good.replace(/t=\d+/, 't=1e9'), body],
  ['a signature in capitals that is forged', false, forged.toUpperCase(), body],
  ['a signature that is cut off', false, good.slice(0, -2), body],
  ['characters that no signature has', false, `t=${now},v1=ü`, body],
  ['another version', false, good.replace('v1=', 'v0='), body],
  ['nothing', false, '', body],
]
const input = JSON.stringify(cases.map(([, , header, text]) => [secret.reveal(), header, text]))

const runners = {
  node: {
    file: 'verify.mjs',
    command: process.execPath,
    end: `
import { text } from 'node:stream/consumers'
const cases = JSON.parse(await text(process.stdin))
console.log(JSON.stringify(cases.map(([secret, header, body]) => verify(secret, header, Buffer.from(body)))))
`,
  },
  python: {
    file: 'verify.py',
    command: 'python3',
    end: `
import json, sys
cases = json.loads(sys.stdin.buffer.read())
print(json.dumps([verify(secret, header, body.encode()) for secret, header, body in cases]))
`,
  },
} as const

test.each(Object.keys(runners) as (keyof typeof runners)[])(
  'the snippet for %s tells right from wrong',
  async (name) => {
    const { file, command, end } = runners[name]
    const path = join(folder, file)
    await writeFile(path, verifySnippets[name] + end)
    const { stdout, stderr } = spawnSync(command, [path], { input, encoding: 'utf8' })
    expect(stderr).toBe('')
    const answers = JSON.parse(stdout) as boolean[]
    expect(Object.fromEntries(cases.map(([said], i) => [said, answers[i]]))).toEqual(
      Object.fromEntries(cases.map(([said, expected]) => [said, expected])),
    )
  },
)

test('a secret shows itself in no text', () => {
  expect(String(secret) + JSON.stringify({ secret })).not.toContain('whsec_')
  expect(secret.equals(new Secret(secret.reveal()))).toBe(true)
})
