// A database of its own, with a history that is damaged as it was before the store looked at the project of a stream.
import type { Sql } from '@stewrd/db/connect.ts'
import { connect, disconnect } from '@stewrd/db/connect.ts'
import { files, fileStream } from '@stewrd/core/files/files.ts'
import { sessions, sessionStream } from '@stewrd/core/sessions/sessions.ts'
import { readLog } from '@stewrd/db/log-reader.ts'
import { replayView } from '@stewrd/db/replay.ts'
import { recordElsewhere, sealedElsewhere } from '@stewrd/db/testkit/record-elsewhere.ts'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Owned } from '../acceptance/ids/testing/projects.ts'
import { ownedProject } from '../acceptance/ids/testing/projects.ts'
import { streamOf } from '../projects/project-of.ts'
import type { Bed } from '../runs/v1.testing.ts'
import { openBed } from '../runs/v1.testing.ts'
import { diagnose } from '../system/doctor.ts'
import { stewrd } from '../testing/server-process.ts'
import { eventProof } from './event-proof.ts'
import type { ExportOptions } from './export.ts'
import { exportProject } from './export.ts'
import type { Event } from './format.ts'
import { bundleReport } from './report.ts'
import { verifyBundle } from './verify.ts'

let bed: Bed
let owner: Sql
/** Whose file and session a command of `b` removed and deleted. */
let a: Owned
let b: Owned
let places: { file: number; session: number }

beforeAll(async () => {
  bed = await openBed()
  owner = connect(bed.tested.database.url, { max: 2, role: null })
  ;[a, b] = [await ownedProject(bed), await ownedProject(bed)]
  const { platform } = bed.tested
  const deps = { sql: platform.sql, dataKeys: platform.dataKeys }
  const file = streamOf(platform, a.projectId, fileStream(a.file))
  const session = streamOf(platform, a.projectId, sessionStream(a.session))
  const removal = await sealedElsewhere(deps, files, file, { type: 'RemoveFile' }, b.projectId)
  const deletion = await sealedElsewhere(deps, sessions, session, { type: 'DeleteSession' }, b.projectId)
  await recordElsewhere(owner, removal, a.projectId, 'alone')
  await recordElsewhere(owner, deletion, a.projectId, 'together')
  places = { file: await placeOf(file.stream), session: await placeOf(session.stream) }
  // The owner goes on after it.
  const headers = { authorization: `Bearer ${a.apiKey}`, 'content-type': 'application/json' }
  const body = JSON.stringify({ message: 'Hi' })
  const sent = await fetch(`${bed.server.url}/v1/sessions/${a.session}/messages`, { method: 'POST', headers, body })
  if (!sent.ok) throw new Error(`the message was answered ${sent.status}`)
  await placeOf(session.stream, 4)
}, 60_000)
afterAll(async () => {
  if (owner) await disconnect(owner)
  await bed?.close()
})

const placeOf = (stream: string, seq = 2) =>
  vi.waitFor(
    async () => {
      const [row] = await bed.tested.platform.sql<{ idx: number }[]>`
        select idx from log where stream = ${stream} and seq = ${seq}`
      if (!row) throw new Error('it has no place in the log yet')
      return row.idx
    },
    { timeout: 30_000, interval: 50 },
  )

const bundleOf = async (projectId: string, options: Partial<ExportOptions> = {}) => {
  const all = { projectId, disclose: 'everything', waitMs: 30_000, ...options } as const
  const { text } = await exportProject(bed.tested.platform, all)
  return (await Array.fromAsync(text)).join('')
}
const checked = (text: string) => {
  const chunks = (async function* () {
    yield Buffer.from(text)
  })()
  return verifyBundle(chunks, { key: bed.tested.platform.publicLog.verifierKey })
}
const eventsOf = (text: string) =>
  text.split('\n').flatMap((line) => (line.startsWith('{"event"') ? [(JSON.parse(line) as Event).event] : []))
const cli = (...args: string[]) =>
  stewrd(bed.tested.env.home, args, { variables: { DATABASE_URL: bed.tested.database.url } })

/** What must hold as long as the history exists, also when the other project is shredded. */
function holds() {
  test('the history is what was recorded, and both events are named with both projects', async () => {
    const found = await bed.tested.platform.verifier.verify('operator:test', { open: Number.MAX_SAFE_INTEGER })
    expect(found).toMatchObject({ wrong: 0, findings: [], foreign: { count: 2 } })
    const said = found.foreign!.findings.map(({ code, message }) => `${code} ${message}`)
    const under = `was recorded under the project ${b.projectId}, and its stream belongs to the project ${a.projectId}.`
    expect(said).toEqual([
      `EVENT_FOREIGN Event 2 of file:${a.file} (FileRemoved, entry ${places.file} of the log) ${under}`,
      `EVENT_FOREIGN Event 2 of session:${a.session} (SessionDeleted, entry ${places.session} of the log) ${under}`,
    ])
  })

  test('the owner still has its file and its session, in its history and in lists', async () => {
    const { client, url } = bed.server
    const headers = { authorization: `Bearer ${a.apiKey}` }
    expect(await (await fetch(`${url}/v1/files/${a.file}/content`, { headers })).text()).toBe('a text')
    const session = { projectId: a.projectId, sessionId: a.session }
    expect(await client.sessions.get.query(session)).toMatchObject({ status: 'active', turns: [{ message: 'Hi' }] })
    for (const view of ['files', 'sessions']) {
      const { worker: sql, dataKeys } = bed.tested.platform
      expect(await replayView({ sql, dataKeys }, view)).toMatchObject({ equal: true, leftOut: 0 })
    }
    expect((await client.files.list.query({ projectId: a.projectId })).files.map(({ fileId }) => fileId)).toContain(
      a.file,
    )
    const { sessions: listed } = await client.sessions.list.query({ projectId: a.projectId })
    expect(listed.find(({ sessionId }) => sessionId === a.session)).toMatchObject({ messages: 1 })
  })

  test('the proof of the owner holds, and shows both as recorded under the other project', async () => {
    const text = await bundleOf(a.projectId)
    const facts = await checked(text)
    expect(facts).toMatchObject({ partial: 0, elsewhere: { count: 0 }, foreign: { count: 2 } })
    expect(facts.foreign.first).toEqual([
      { stream: `file:${a.file}`, seq: 2, type: 'FileRemoved', index: places.file, projectId: b.projectId },
      { stream: `session:${a.session}`, seq: 2, type: 'SessionDeleted', index: places.session, projectId: b.projectId },
    ])
    expect(bundleReport(facts).proved.join('\n')).toContain(`event 2 of file:${a.file}`)
    const others = eventsOf(text).filter(({ header }) => header.project_id !== a.projectId)
    expect(others.map(({ disclosed }) => disclosed)).toEqual([null, null])
  })

  test('the proof of the other project holds, and shows whose stream its event is in, and no more of that', async () => {
    const text = await bundleOf(b.projectId)
    const facts = await checked(text)
    expect(facts).toMatchObject({ partial: 0, foreign: { count: 0 }, elsewhere: { count: 1 } })
    expect(facts.elsewhere.first).toMatchObject([{ stream: `file:${a.file}`, seq: 2, projectId: a.projectId }])
    const ofA = eventsOf(text).filter(({ header }) => header.project_id === a.projectId)
    expect(ofA).toMatchObject([{ header: { stream: `file:${a.file}`, seq: 1 }, disclosed: null }])
    const since = await checked(await bundleOf(b.projectId, { from: places.file }))
    expect(since).toMatchObject({ elsewhere: { count: 1 } })
  })

  test('each event is proved by itself', async () => {
    for (const place of Object.values(places))
      expect(await eventProof(bed.tested.platform, place)).toMatchObject({ status: 'signed', place })
  })
}

describe('a command of one project was carried out in streams of another:', () => {
  holds()

  test('a proof from which such an event is left out, or in which it is out of place, is refused', async () => {
    const text = await bundleOf(a.projectId)
    const line = text.split('\n').find((one) => one.includes('"FileRemoved"'))!
    await expect(checked(text.replace('stewrd/bundle/v2', 'stewrd/bundle/v1'))).rejects.toThrow(
      'belongs to another project',
    )
    await expect(checked(text.replace(`${line}\n`, ''))).rejects.toMatchObject({ code: 'SEAL_WRONG' })
    const other = await bundleOf(b.projectId)
    const [first, second] = other.split('\n').filter((one) => one.includes(`"stream":"file:${a.file}"`))
    await expect(checked(other.replace(`${second}\n`, ''))).rejects.toThrow('no event of this one follows it')
    await expect(checked(other.replace(`${first}\n`, ''))).rejects.toThrow(
      'the events before it in its stream are missing',
    )
  })

  test('everything else that is edited in such an event is found as before', async () => {
    const { verifier, accountId } = bed.tested.platform
    const edits = [
      "actor = 'user:eve'",
      "at = at + interval '1 second'",
      `project_id = '${accountId}'`,
      'version = version + 1',
    ]
    for (const stream of [`file:${a.file}`, `session:${a.session}`])
      for (const edit of edits) {
        await owner.unsafe(`create table kept as select * from events where stream = '${stream}' and seq = 2`)
        await owner.unsafe(`update events set ${edit} where stream = '${stream}' and seq = 2`)
        const { wrong } = await verifier.verify('operator:test')
        await owner.unsafe(
          `delete from events where stream = '${stream}' and seq = 2; insert into events select * from kept; drop table kept`,
        )
        expect([stream, edit, wrong > 0]).toEqual([stream, edit, true])
      }
    await owner`update heads set project_id = ${b.projectId} where stream = ${`file:${a.file}`}`
    const { findings } = await verifier.verify('operator:test')
    await owner`update heads set project_id = ${a.projectId} where stream = ${`file:${a.file}`}`
    expect(findings.map(({ code }) => code)).toContain('HEAD_WRONG')
  })

  test('whoever reads the log gets each with the project that it was recorded under', async () => {
    const { worker: sql, dataKeys } = bed.tested.platform
    const read = (await Array.fromAsync(readLog({ sql, dataKeys }))).flat()
    for (const place of Object.values(places)) {
      const shown = await bed.server.client.history.get.query({ index: place })
      expect(shown).toMatchObject({ entry: { projectId: b.projectId, unreadable: null }, before: null, after: null })
      expect(read[place]).toMatchObject({ projectId: b.projectId, seq: 2 })
      expect(read[place]!.unreadable).toBeUndefined()
    }
  })
})

describe('after the other project was shredded', () => {
  beforeAll(async () => {
    const { projects } = bed.server.client
    await projects.shred.mutate({ projectId: b.projectId, confirm: 'Runs', now: true })
    const destroyed = async () => {
      const left = await bed.tested.platform.worker`select from data_keys where scope = ${b.projectId}`
      expect(left).toHaveLength(0)
    }
    await vi.waitFor(destroyed, { timeout: 60_000, interval: 200 })
  }, 90_000)
  holds()

  test('the command line says so, and ends well', async () => {
    const text = await cli('audit', 'verify')
    expect([text.code, text.stdout]).toEqual([
      0,
      expect.stringContaining('2 events were recorded under another project'),
    ])
    expect(text.stdout).toContain(`Event 2 of file:${a.file}`)
    const json = await cli('audit', 'verify', '--json')
    expect(json.json()).toMatchObject({
      ok: true,
      wrong: 0,
      foreign: { count: 2, findings: [{ code: 'EVENT_FOREIGN' }, {}] },
    })
    for (const [name, value] of Object.entries({
      DATABASE_URL: bed.tested.database.url,
      STEWRD_HOME: bed.tested.env.home,
    }))
      vi.stubEnv(name, value)
    const [ownership] = (await diagnose()).filter(({ check }) => check === 'ownership')
    vi.unstubAllEnvs()
    for (const said of [`file:${a.file}`, `session:${a.session}`, a.projectId, b.projectId])
      expect(ownership?.found).toContain(said)
  })
})
