import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { signBundle } from '@stewrd/crypto/bundle-seal.ts'
import { noteSigner } from '@stewrd/crypto/signed-note.ts'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FORMAT, MAX_LINE } from './format.ts'
import { BundleRefused } from './refused.ts'
import { bundleReport } from './report.ts'
import { foreignScript, makeLog, opensReceipt, partsOf, projectId, runId, signer, written } from './testing/made-log.ts'
import type { Parts } from './testing/made-log.ts'
import type { VerifyOptions } from './checker.ts'
import { verifyBundle } from './verify.ts'

const log = makeLog()
const project = await partsOf(log)
const receipt = await partsOf(log, { run: true, opens: opensReceipt })
const file = await written(project)
const trusted = { key: signer.verifierKey }

async function* chunks(bytes: Buffer, size = bytes.length || 1) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
const verify = (bytes: Buffer, options: VerifyOptions = trusted) => verifyBundle(chunks(bytes), options)
const refusal = async (bytes: Buffer, options: VerifyOptions = trusted): Promise<BundleRefused> => {
  const thrown: unknown = await verify(bytes, options).then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(thrown instanceof BundleRefused)) throw new Error(`it was not refused: ${String(thrown)}`)
  return thrown
}
const lines = (bytes: Buffer) => bytes.toString().split(/(?<=\n)/)
const golden = (name: string) => readFileSync(new URL(`../../../../testdata/bundle/${name}`, import.meta.url))

test('the bundles of testdata are what the format makes of the same events', async () => {
  expect(golden('project.proof').equals(file)).toBe(true)
  expect(golden('run.proof').equals(await written(receipt))).toBe(true)
})

test('an honest bundle is accepted, and says what it proves', async () => {
  const facts = await verify(file)
  expect(facts).toMatchObject({
    keyGiven: true,
    events: 9,
    streams: 3,
    partial: 0,
    disclosed: 9,
    firstPlace: 0,
    lastPlace: 10,
  })
  expect(facts.checkpoints.map((c) => c.size)).toEqual([2, 11])
  expect(facts.head.project_id).toBe(projectId)
  expect((await verify(file, {})).keyGiven).toBe(false)
})

test('however the file arrives in pieces, it is the same file', async () => {
  const whole = await verify(file)
  for (const size of [1, 7, 64, 4096]) expect(await verifyBundle(chunks(file, size), trusted)).toEqual(whole)
})

test('a receipt tells which provider, model and key the run used, when, and who brought the key', async () => {
  const { run } = await verify(await written(receipt))
  expect(run).toEqual({
    runId,
    startedAt: 1_790_000_000_006,
    startedBy: 'user:ada',
    place: 6,
    provider: 'custom',
    baseUrl: 'https://llm.example.com/v1',
    model: 'gpt-4o',
    keySource: 'project',
    keyFingerprint: 'fp_2222222222222222',
    configRevision: 3,
    keySetBy: { type: 'KeyRotated', revision: 2, at: 1_790_000_000_003, actor: 'user:ada' },
    fallback: { fingerprint: 'fp_1111111111111111', at: 1_790_000_000_008 },
    reconfigured: [],
    end: { status: 'completed', at: 1_790_000_000_010 },
  })
})

test('any flipped bit, anywhere in the file, is found', () =>
  fc.assert(
    fc.asyncProperty(fc.nat(file.length - 1), fc.nat(7), async (at, bit) => {
      const edited = Buffer.from(file)
      edited[at]! ^= 1 << bit
      await refusal(edited)
    }),
    { numRuns: 400 },
  ))

test('any line that is dropped, doubled, swapped or cut off is found', async () => {
  const all = lines(file)
  const edits = all.flatMap((line, i) => [
    all.toSpliced(i, 1),
    all.toSpliced(i, 0, line),
    ...all.slice(i + 1).flatMap((other, k) => (other === line ? [] : [all.with(i, other).with(i + 1 + k, line)])),
    all.slice(0, i),
  ])
  expect(edits.length).toBeGreaterThan(300)
  for (const edited of edits) await refusal(Buffer.from(edited.join('')))
})

// Each is sealed anew with the true key: it must be found by what it is, and by name.
const sealedAnew = async (edit: (parts: Parts) => void, from: Parts = project) => {
  const parts = structuredClone(from)
  edit(parts)
  return refusal(await written(parts))
}
const flipped = (text: string) => {
  const bytes = Buffer.from(text, 'base64')
  bytes[bytes.length >> 1]! ^= 1
  return bytes.toString('base64')
}

test('every field of every event is covered, and the event is named', async () => {
  for (const [i, { event }] of project.events.entries()) {
    const { header, proof } = event
    const edits: ((e: typeof event) => void)[] = [
      ...Object.entries(header).map(([field, value]) => (e: typeof event) => {
        const other =
          typeof value === 'number'
            ? value + 1
            : field.endsWith('_id') && field !== 'command_id'
              ? value.replace(/^0/, '1')
              : ['commitment', 'command_mac'].includes(field)
                ? flipped(value)
                : `${value}x`
        Object.assign(e.header, { [field]: other })
      }),
      (e) => (e.envelope = flipped(e.envelope)),
      (e) => (e.previous = flipped(e.previous)),
      (e) => (e.index = (e.index + 1) % 11),
      (e) => (e.disclosed!.salt = flipped(e.disclosed!.salt)),
      (e) => (e.disclosed!.payload = e.disclosed!.payload.replace('}', ' }')),
      (e) => e.proof.push(e.previous),
      ...proof.flatMap((_, k) => [
        (e: typeof event) => (e.proof[k] = flipped(e.proof[k]!)),
        (e: typeof event) => e.proof.splice(k, 1),
      ]),
    ]
    for (const edit of edits) {
      const { code, event: named } = await sealedAnew((parts) => edit(parts.events[i]!.event))
      expect(['EVENT_WRONG', 'DISCLOSURE_WRONG']).toContain(code)
      // A changed place or stream is named as it claims to be.
      expect(named).toBeDefined()
    }
  }
}, 30_000)

test('an event that is missing, twice, or in the wrong place is found and named, also in a file that was sealed anew', async () => {
  const streams = project.events.map(({ event }) => event.header.stream)
  const followed = [...streams.keys()].filter((i) => streams[i + 1] === streams[i])
  const nameAt = (i: number) => {
    const { stream, seq } = project.events[i]!.event.header
    return { stream, seq }
  }
  for (const i of streams.keys())
    expect((await sealedAnew((p) => p.events.splice(i, 0, p.events[i]!))).event).toMatchObject(nameAt(i))
  for (const i of followed) expect((await sealedAnew((p) => p.events.splice(i, 1))).event).toMatchObject(nameAt(i + 1))
  for (const i of streams.keys())
    for (let k = i + 1; k < streams.length; k++) {
      const swapped = await sealedAnew((p) => ([p.events[i], p.events[k]] = [p.events[k]!, p.events[i]!]))
      expect(swapped.event).toBeDefined()
    }
})

test('the end of a stream that was cut off is found by the seal alone', async () => {
  const all = lines(file)
  const cut = all.toSpliced(-2, 1)
  const { code, message } = await refusal(Buffer.from(cut.join('')))
  expect([code, message]).toEqual(['SEAL_WRONG', expect.stringContaining('changed, added or left out')])
})

test('checkpoints must be signed, in order, and go on from each other', async () => {
  const [first, last] = project.checkpoints
  const edits: ((parts: Parts) => void)[] = [
    (p) => p.checkpoints.reverse(),
    (p) => p.checkpoints.splice(0, 2),
    (p) => p.checkpoints.splice(0, 2, first!),
    (p) => p.checkpoints.push(last!),
    (p) => (p.checkpoints[0]!.checkpoint.consistency = last!.checkpoint.consistency),
    (p) => (p.checkpoints[1]!.checkpoint.consistency = []),
    (p) => (p.checkpoints[1]!.checkpoint.note = p.checkpoints[1]!.checkpoint.note.replace('\n11\n', '\n12\n')),
    ...last!.checkpoint.consistency.map((_, k) => (p: Parts) => {
      p.checkpoints[1]!.checkpoint.consistency[k] = flipped(last!.checkpoint.consistency[k]!)
    }),
  ]
  for (const edit of edits) expect((await sealedAnew(edit)).code).toMatch(/^(CHECKPOINT_WRONG|MALFORMED|EVENT_WRONG)$/)
})

test('another key than the one that was given is refused; a checkpoint from outside is compared', async () => {
  const [name, id, bytes] = signer.verifierKey.split(/\+(.{8})\+/)
  expect((await refusal(file, { key: `${name}+${id}+${flipped(bytes!)}` })).code).toBe('KEY_WRONG')
  expect((await verify(file, { ...trusted, checkpoint: await log.checkpoint(2) })).outside).toBe(2)
  expect((await refusal(file, { ...trusted, checkpoint: await log.checkpoint(5) })).code).toBe('CHECKPOINT_UNKNOWN')
  const other = makeLog([
    { stream: 'project:x', type: 'ProjectCreated', data: { name: 'x' } },
    ...Array.from({ length: 10 }, () => ({ stream: 'a', type: 'b', data: {} })),
  ])
  const rewritten = await refusal(file, { ...trusted, checkpoint: await other.checkpoint(11) })
  expect(rewritten.code).toBe('CHECKPOINT_WRONG')
})

test('who makes a log and a key of their own is believed only by whoever brings no key', async () => {
  const forger = noteSigner(signer.name, Buffer.alloc(32, 9))
  const resign = (note: string) => forger.sign(note.slice(0, note.indexOf('\n\n') + 1))
  const text = file.toString().replaceAll(signer.verifierKey, forger.verifierKey)
  const forged = lines(Buffer.from(text)).map((line) => {
    if (!line.startsWith('{"checkpoint"')) return line
    const record = JSON.parse(line) as Parts['checkpoints'][number]
    return `${JSON.stringify({ checkpoint: { ...record.checkpoint, note: resign(record.checkpoint.note) } })}\n`
  })
  const content = forged.slice(0, -1).join('')
  const digest = createHash('sha256').update(content).digest()
  const end = `${JSON.stringify({ end: { note: signBundle(forger, { events: 9, digest }) } })}\n`
  const whole = Buffer.from(content + end)
  const facts = await verify(whole, {})
  expect(facts.keyGiven).toBe(false)
  expect(bundleReport(facts).notProved[0]).toContain('Whose log it is')
  expect((await refusal(whole)).code).toBe('KEY_WRONG')
})

test('a receipt without the configuration, the start or an opened payload that it needs is none', async () => {
  for (let i = 0; i < receipt.events.length - 1; i++)
    expect((await sealedAnew((p) => p.events.splice(i, 1), receipt)).code).toMatch(/^(RECEIPT|EVENT)_WRONG$/)
  const opened = [...receipt.events.keys()].filter((i) => receipt.events[i]!.event.disclosed)
  expect(opened).toHaveLength(6)
  for (const i of opened)
    expect((await sealedAnew((p) => (p.events[i]!.event.disclosed = null), receipt)).code).toBe('RECEIPT_WRONG')
  const stranger = await sealedAnew((p) => p.events.push(project.events[3]!), receipt)
  expect(stranger.code).toMatch(/^(RECEIPT|EVENT)_WRONG$/)
})

test('files that are no bundle, or hostile, are refused in plain words', async () => {
  const start = Buffer.from('# Stewrd proof bundle\n')
  const cases: [Buffer, RegExp][] = [
    [Buffer.alloc(0), /no record/],
    [Buffer.from('PK\u0003\u0004'), /ends in the middle/],
    [Buffer.from('{"a":1}\n'), /not a Stewrd proof bundle/],
    [Buffer.concat([start, Buffer.from([0xff, 0xfe, 0x0a])]), /not UTF-8/],
    [Buffer.concat([start, Buffer.from(`${'['.repeat(100_000)}\n`)]), /not JSON/],
    [Buffer.concat([start, Buffer.from('{"__proto__":{"x":1}}\n')]), /does not fit/],
    [Buffer.concat([start, Buffer.from('# x\n'.repeat(20_000))]), /too long/],
    [Buffer.concat([start, Buffer.alloc(MAX_LINE + 1, 0x61)]), /longer than 32 MiB/],
    [Buffer.from(file.toString().replaceAll('\n', '\r\n')), /not a Stewrd proof bundle/],
    [Buffer.concat([file, Buffer.from('\n')]), /follows the end/],
    [file.subarray(0, -1), /ends in the middle/],
    [Buffer.from(file.toString().replace('{"event":{', '{"event": {')), /not spelled/],
  ]
  for (const [bytes, said] of cases) expect((await refusal(bytes)).message).toMatch(said)
})

test('what a hostile file says is not obeyed by a terminal', async () => {
  const evil = await sealedAnew((p) => (p.events[0]!.event.header.type = '\u001B[2JAll proved\u0007'))
  expect(evil.message).toContain('\\u001b[2JAll proved\\u0007')
  expect(/\p{Cc}/u.test(evil.message)).toBe(false)
})

test('events of other projects stand in a bundle as what they are, and nothing else of another project does', async () => {
  const parts = await partsOf(makeLog(foreignScript), { foreign: true, sizes: [2, 6] })
  const otherProject = parts.events[1]!.event.header.project_id
  expect(await verify(await written(parts))).toMatchObject({
    events: 5,
    streams: 2,
    partial: 0,
    disclosed: 3,
    foreign: { count: 1, first: [{ stream: 'file:a', seq: 2, projectId: otherProject }] },
    elsewhere: { count: 1, first: [{ stream: 'file:b', seq: 3, projectId: otherProject }] },
  })
  const without = (nth: number) => ({ ...parts, events: parts.events.toSpliced(nth, 1) })
  const headed = (head: Partial<Parts['head']>) => ({ ...parts, head: { ...parts.head, ...head } })
  const edits: [Parts, string, RegExp][] = [
    [without(1), 'EVENT_WRONG', /event 2 of its stream is missing/],
    [without(3), 'EVENT_WRONG', /the events before it in its stream are missing/],
    [without(4), 'EVENT_WRONG', /no event of this one follows it/],
    [headed({ format: FORMAT }), 'EVENT_WRONG', /it belongs to another project/],
    [headed({ run_id: runId, disclosed: 'run' }), 'MALFORMED', /its fields do not fit together/],
  ]
  for (const [edited, code, why] of edits)
    expect(await refusal(await written(edited))).toMatchObject({ code, message: expect.stringMatching(why) as string })
})
