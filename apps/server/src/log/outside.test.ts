import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { noteSigner } from '@stewrd/crypto/signed-note.ts'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { createProject } from '../projects/service.ts'
import type { TestPlatform } from '../testing/platform.ts'
import { testPlatform } from '../testing/platform.ts'
import type { TestServer } from '../testing/server.ts'
import { listen } from '../testing/server.ts'
import type { Auditor } from './testing/auditor.ts'
import { buildAuditor, goIsRequired, hasGo } from './testing/auditor.ts'

let tested: TestPlatform
let server: TestServer
let auditor: Auditor
beforeAll(async () => {
  tested = await testPlatform()
  server = await listen(tested.platform)
  if (hasGo) auditor = await buildAuditor()
})
afterAll(async () => {
  await auditor?.remove()
  await server?.close()
  await tested?.close()
})

const signed = async (size: number): Promise<string> =>
  vi.waitFor(
    async () => {
      const note = await (await fetch(`${server.url}/log/checkpoint`)).text()
      expect(Number(note.split('\n')[1])).toBeGreaterThanOrEqual(size)
      return note
    },
    { timeout: 10_000 },
  )
const grow = async (count: number) => {
  for (let i = 0; i < count; i++) await createProject(tested.platform, { name: `Project ${i}` }, 'operator:test')
  return signed(await tested.platform.history.size())
}

/** The server as somebody in between shows it, who changes what `edit` says. */
async function between(edit: (path: string, body: Buffer) => Buffer): Promise<string> {
  const proxy = createServer((request, answer) => {
    void fetch(`${server.url}${request.url}`).then(async (response) => {
      const body = Buffer.from(await response.arrayBuffer())
      answer.writeHead(response.status).end(edit(request.url!, body))
    })
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  onTestFinished(() => void proxy.close())
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/log`
}
const flip = (body: Buffer, at: number) => body.with(at, body[at]! ^ 1) as Buffer

test("a program in Go, on sumdb's note and tlog, reads the log and accepts it; a changed tile is refused", async ({
  skip,
}) => {
  expect(hasGo || !goIsRequired, 'CI needs Go: apt-get install golang-go golang-golang-x-mod-dev').toBe(true)
  skip(!hasGo, 'Go is not installed here: testdata/log/golden.json, which Go wrote, is what is checked instead')
  const older = join(tested.env.home, 'older')
  await writeFile(older, await grow(3))
  await grow(300)
  const { verifierKey } = tested.platform.publicLog
  const size = tested.platform.publicLog.published.latest!.size
  expect(size).toBeGreaterThan(256)

  const url = `${server.url}/log`
  const verdict = await auditor.run(url, verifierKey, older)
  expect(verdict).toMatchObject({ accepted: true, said: expect.stringContaining('consistent with') })
  expect(verdict.said).toContain('accepted')

  const edits: [string, (path: string, body: Buffer) => Buffer][] = [
    ['a full tile', (path, body) => (path.endsWith('/tile/0/000') ? flip(body, 31 * 32) : body)],
    ['a partial tile', (path, body) => (/\/tile\/0\/\d+\.p\//.test(path) ? flip(body, 0) : body)],
    ['a tile above', (path, body) => (path.includes('/tile/1/000.p/') ? flip(body, 5) : body)],
    ['an entry', (path, body) => (path.endsWith('/tile/entries/000') ? flip(body, 40) : body)],
    ['the size', (path, body) => (path.endsWith('/checkpoint') ? shrunk(body) : body)],
  ]
  for (const [what, edit] of edits) {
    const refused = await auditor.run(await between(edit), verifierKey, older)
    expect([what, refused.accepted]).toEqual([what, false])
  }
  const another = noteSigner(tested.platform.publicLog.origin, randomBytes(32)).verifierKey
  expect(await auditor.run(url, another)).toMatchObject({ accepted: false, said: expect.stringContaining('refused') })
})

const shrunk = (body: Buffer) => Buffer.from(body.toString().replace(/\n\d+\n/, '\n7\n'))
