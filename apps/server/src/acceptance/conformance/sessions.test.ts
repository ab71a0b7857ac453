import { randomUUID } from 'node:crypto'
import type { UpstreamRequest } from '@stewrd/runtime/testing/upstream.ts'
import { afterAll, beforeAll, expect } from 'vitest'
import type { ServerProcess } from '../../testing/server-process.ts'
import type { Bed, Project } from './testing/bed.ts'
import { openBed } from './testing/bed.ts'
import { conforms, conformsOnBoth } from './testing/conform.ts'

let bed: Bed
let second: ServerProcess
beforeAll(async () => {
  bed = await openBed()
  second = await bed.another()
}, 60_000)
afterAll(() => bed?.close())
const theBed = () => bed

type Where = Partial<Project> & { to?: ServerProcess }
type Body = { id: string; status: string; message: string; error?: { code: string } }
async function ask(method: string, path: string, body: unknown, where: Where = {}) {
  const response = await bed.call(method, `/v1/sessions${path}`, body, where)
  return { status: response.status, body: (await response.json()) as Body }
}
const opened = async (where: Where) => (await ask('POST', '', undefined, where)).body.id
const say = (id: string, message: string, where: Where = {}) =>
  ask('POST', `/${id}/messages`, { message, stream: false }, where)
/** What the model was told, without the platform's own words. */
const heard = ({ messages = [] }: UpstreamRequest) =>
  messages.filter(({ role }) => role !== 'system').map(({ content }) => content)
const lastWords = (request: UpstreamRequest) => request.messages!.at(-1)!.content

conformsOnBoth('sessions: a message sees the whole history', theBed, async (side) => {
  side.model.reply((request) => ({ content: `You said ${lastWords(request)}.` }))
  const id = await opened(side)
  // From node to node: a session has no home.
  await say(id, 'one', side)
  await say(id, 'two', { ...side, to: second })
  await say(id, 'three', side)
  expect(heard(side.model.asked()!)).toEqual(['one', 'You said one.', 'two', 'You said two.', 'three'])
})

conformsOnBoth('sessions: messages run one after another', theBed, async (side) => {
  const seen: number[] = []
  side.model.reply((request) => {
    seen.push(heard(request).length)
    return { content: 'Yes.' }
  })
  const id = await opened(side)
  const texts = ['one', 'two', 'three', 'four']
  const answers = await Promise.all(texts.map((text) => say(id, text, side)))
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
  expect(seen).toEqual([1, 3, 5, 7])
  expect(heard(side.model.asked()!)).toEqual(['one', 'Yes.', 'two', 'Yes.', 'three', 'Yes.', 'four'])
})

conforms(
  'sessions: 30 minutes without activity',
  async () => {
    bed.calm()
    const [used, unused] = [await opened({}), await opened({})]
    await bed.moveTime(29 * 60)
    expect(await say(used, 'still there?')).toMatchObject({ status: 200 })
    // The one that was used lives for 30 minutes more.
    await bed.moveTime(31 * 60)
    expect(await say(used, 'and now?')).toMatchObject({ status: 200 })
    expect(await say(unused, 'too late')).toMatchObject({
      status: 410,
      body: { error: { code: 'session_expired' } },
    })
    await bed.moveTime(0)
  },
  60_000,
)

conforms(
  'error: session_expired',
  async () => {
    const id = await opened({})
    await bed.moveTime(30 * 60 + 5)
    const error = { code: 'session_expired', docs: expect.stringMatching(/#session_expired$/) as string }
    expect(await say(id, 'Hi')).toMatchObject({ status: 410, body: { error } })
    expect(await ask('GET', `/${id}`, undefined)).toMatchObject({
      status: 200,
      body: { status: 'expired' },
    })
    expect(await say(randomUUID(), 'Hi')).toMatchObject({ status: 404 })
    await bed.moveTime(0)
  },
  60_000,
)
