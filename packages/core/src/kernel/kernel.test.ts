import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { canonicalJson } from './canonical-json.ts'
import type { Decider } from './decider.ts'
import { judge } from './decider.ts'
import type { Refusals } from './errors.ts'
import { Refusal } from './errors.ts'
import { beginningOf, characterStart } from './cut.ts'
import { AnyCount, counter } from './counter.testing.ts'
import { defineEvent } from './event.ts'
import { Uuid, uuidv7 } from './ids.ts'
import { plain, sentence } from './sentence.ts'
import { FileName } from './file-name.ts'
import { changeMeta, isStorableData, line, nameText, Reason, storableData, storableJson, Text } from './text.ts'

test('equal values give equal text, however their keys are ordered', () =>
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = canonicalJson(value)
      expect(canonicalJson(reversed(value))).toBe(text)
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  ))

test('equal text means equal values, and other text other values', () =>
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
      const plainly = (value: unknown): unknown => JSON.parse(JSON.stringify(value))
      expect(canonicalJson(a) === canonicalJson(b)).toBe(isDeepStrictEqual(plainly(a), plainly(b)))
    }),
  ))

test('a field that is undefined is as good as absent, and an undefined item is null', () => {
  expect(canonicalJson({ b: 1, a: undefined })).toBe('{"b":1}')
  expect(canonicalJson([undefined, 1])).toBe('[null,1]')
  expect(canonicalJson({ b: [{ d: 1, c: 2 }], a: 'é"' })).toBe('{"a":"é\\"","b":[{"c":2,"d":1}]}')
})

test('a command is judged by its own expected revision, and refused without a trace', () => {
  const head = { revision: 3, state: 3 }
  const stale = () => judge(counter, 'count:1', head, { add: 1 }, 2)
  expect(stale).toThrow(Refusal)
  expect(stale).toThrow(
    expect.objectContaining({ code: 'REVISION_MOVED', details: { stream: 'count:1', expected: 2, actual: 3 } }),
  )
  expect(judge(counter, 'count:1', head, { add: 2 }, 3)).toEqual({
    events: [AnyCount, AnyCount],
    head: { revision: 5, state: 5 },
  })
  expect(judge(counter, 'count:1', head, { add: 1 }).head).toEqual({ revision: 4, state: 4 })
  expect(head).toEqual({ revision: 3, state: 3 })
})

test('a new stream is at revision 0, and a command without effect leaves the revision', () => {
  expect(judge(counter, 's', { revision: 0, state: 0 }, { add: 0 }, 0)).toEqual({
    events: [],
    head: { revision: 0, state: 0 },
  })
})

test('a refusal of the decider leaves the judge as it is', () => {
  const strict: Decider<number, { add: number }, typeof AnyCount> = {
    ...counter,
    decide() {
      throw new Refusal('API_KEY_MISSING', {})
    },
  }
  expect(() => judge(strict, 's', { revision: 0, state: 0 }, { add: 1 })).toThrow(
    expect.objectContaining({ code: 'API_KEY_MISSING' }),
  )
})

test('a UUIDv7 carries its time, version and variant, and the given randomness', () => {
  const id = uuidv7(0x0123456789ab, new Uint8Array(10).fill(0xff))
  expect(id).toBe('01234567-89ab-7fff-bfff-ffffffffffff')
  expect(uuidv7(0, new Uint8Array(10))).toBe('00000000-0000-7000-8000-000000000000')
  expect(() => uuidv7(0, new Uint8Array(9))).toThrow(RangeError)
})

test('UUIDv7s are valid and sort by time', () =>
  fc.assert(
    fc.property(fc.nat(2 ** 31), fc.integer({ min: 1, max: 2 ** 40 }), random(), random(), (at, later, r1, r2) => {
      const [first, second] = [uuidv7(at, r1), uuidv7(at + later, r2)]
      expect(Uuid.safeParse(first).success && Uuid.safeParse(second).success).toBe(true)
      expect(first < second).toBe(true)
    }),
  ))

test('a line is trimmed, has 1 to max characters, and no control character', () => {
  const name = line(5, 'The name')
  expect(name.parse('  ab  ')).toBe('ab')
  expect(name.parse('日本語')).toBe('日本語')
  const problem = (text: unknown) => name.safeParse(text).error?.issues[0]?.message
  expect(problem(' ')).toBe('The name is empty.')
  expect(problem('abcdef')).toBe('The name is longer than 5 characters.')
  expect(problem(5)).toBe('The name must be text.')
  for (const control of ['a\nb', 'a\rb', 'a\tb', 'a\u0000b', 'a\u001bb', 'a\u007fb', 'a\u0085b'])
    expect(problem(control), JSON.stringify(control)).toBe(
      'The name contains a line break or another control character.',
    )
  expect(Reason.safeParse('x'.repeat(501)).success).toBe(false)
})

test('text from outside is well formed and without NUL; what names something also does not change the direction of text', () => {
  const accepts = (schema: z.ZodType, text: unknown) => schema.safeParse(text).success
  for (const text of ['a\u0000', 'a\ud83d', '\udc00a', '\ude00\ud83d'])
    for (const schema of [Text, Reason, line(20, 'The name'), nameText(20)])
      expect([text, accepts(schema, text)]).toEqual([text, false])
  for (const text of ['a\u202eb', 'a\u2066b', 'a\u200fb'])
    expect([line(20, 'The name'), nameText(20), FileName, Reason, Text].map((s) => accepts(s, `${text}.txt`))).toEqual([
      false,
      false,
      false,
      true,
      true,
    ])
  expect(accepts(Text, 'line\n\ttab \u{1f600}')).toBe(true)
  expect(accepts(FileName, 'a\ud83d.txt')).toBe(false)
  const json = storableJson(z.record(z.string(), z.unknown()))
  expect(accepts(json, { a: [{ b: 'c' }] })).toBe(true)
  for (const bad of [{ a: [{ b: '\u0000' }] }, { a: { '\ud83d': 1 } }]) expect(accepts(json, bad)).toBe(false)
})

test('data that is made storable keeps all else, and is itself where nothing had to change', () =>
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), fc.constantFrom('\u0000', '\ud83d', '\udc00'), (value, bad) => {
      const fine = storableData(value)
      expect(isStorableData(fine)).toBe(true)
      expect(storableData(fine)).toBe(fine)
      expect(storableData({ [`k${bad}`]: [fine, { text: `a${bad}b` }] })).toEqual({
        'k\ufffd': [fine, { text: 'a\ufffdb' }],
      })
    }),
  ))

test('a text is cut between two characters, and a cut always gets on', () => {
  for (const one of ['😀', '👨‍👩‍👧', 'e\u0301', '🇨🇭'])
    for (let max = 3; max < 3 + one.length; max++) expect(beginningOf(`abc${one}d`, max)).toBe('abc')
  expect(beginningOf('abc', 3)).toBe('abc')
  const marks = `a${'\u0301'.repeat(1000)}`
  expect(characterStart(marks, 700)).toBe(700)
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme-composite' }), fc.nat(50), (text, at) => {
      expect(beginningOf(text, at).isWellFormed()).toBe(true)
    }),
  )
})

test('an event that is decided holds no text that cannot be stored, and the state is folded from what is recorded', () => {
  const said = defineEvent('Said', 1, z.strictObject({ text: z.string() }))
  type Said = z.infer<typeof said>
  const talk: Decider<string, string, Said> = {
    noun: 'runs',
    stateVersion: 1,
    initial: '',
    event: said,
    decide: (text) => [{ type: 'Said', version: 1, data: { text } }],
    evolve: (state, { data }) => state + data.text,
  }
  const { events, head } = judge(talk, 'run:1', { revision: 0, state: '' }, 'a\u0000\ud83d')
  expect(events[0]!.data).toEqual({ text: 'a\ufffd\ufffd' })
  expect(head.state).toBe('a\ufffd\ufffd')
})

test('an expected revision is a whole number from 0 up, an idempotency key a short line', () => {
  for (const bad of [-1, 1.5, '1', Number.NaN]) expect(changeMeta.expectedRevision.safeParse(bad).success).toBe(false)
  expect(changeMeta.expectedRevision.parse(0)).toBe(0)
  expect(changeMeta.commandId.safeParse('k'.repeat(201)).success).toBe(false)
  expect(changeMeta.commandId.parse(undefined)).toBeUndefined()
})

test('a sentence keeps words and values apart, and reads as one line', () => {
  const said = sentence`changed ${'a'} to ${2}`
  expect(said).toEqual(['changed ', { value: 'a' }, ' to ', { value: '2' }])
  expect(plain(said)).toBe('changed a to 2')
})

const everyRefusal: { [C in keyof Refusals]: readonly Refusals[C][] } = {
  INVALID_INPUT: [{ field: 'key', problem: 'Enter the new key.' }],
  NOT_FOUND: [{ what: 'project' }, { what: 'run', id: 'r1' }],
  REVISION_MOVED: [{ stream: 'llm:p', expected: 2, actual: 3 }],
  COMMAND_REUSED: [{ commandId: 'c1' }],
  EVENT_UNKNOWN: [{ type: 'KeySplit', version: 2 }],
  STREAM_BUSY: [{ stream: 'llm:p' }],
  PROJECT_EXISTS: [{}, { projectId: 'p' }],
  PROJECT_ARCHIVED: [{}, { projectId: 'p' }],
  PROJECT_SHREDDING: [{ dueAt: 1 }, { projectId: 'p', dueAt: 1 }],
  PROJECT_SHREDDED: [{}, { projectId: 'p' }],
  SHRED_NOT_REQUESTED: [{}, { projectId: 'p' }],
  SHRED_NOT_DUE: [{ dueAt: 1 }],
  PLAN_RESTRICTED: [{ plan: 'free', capability: 'data' }],
  SHRED_UNCONFIRMED: [{}, { projectId: 'p' }],
  PROVIDER_NOT_SET: [{}],
  KEY_REQUIRED: [{ because: 'first_key' }, { because: 'provider_changed' }, { because: 'base_url_changed' }],
  KEY_UNCHANGED: [{ fingerprint: 'fp_00000000000000aa' }],
  KEY_NOT_STAGED: [{}],
  NO_OVERLAP: [{}],
  KEY_DESTROYED: [{ fingerprint: 'fp_00000000000000aa' }],
  KEY_REJECTED: [{ fingerprint: 'fp_00000000000000aa', status: 401, reason: 'The provider does not know this key.' }],
  BASE_URL_REFUSED: [{ host: '10.0.0.1', because: 'it is a private address. Allow it in STEWRD_EGRESS_ALLOW.' }],
  API_KEY_MISSING: [{}],
  API_KEY_EXISTS: [{}],
  RUN_EXISTS: [{}, { runId: 'r1' }],
  INSUFFICIENT_CREDITS: [{ needed: 5, left: 2 }],
  RATE_LIMITED: [{ perMinute: 60, retryAfter: 3 }],
  RUNS_AT_LIMIT: [{ atOnce: 10 }],
  MASTER_KEY_ROTATING: [{ to: 'kek_b' }],
  MASTER_KEY_IN_USE: [
    { key: 'kek_a', values: 3 },
    { key: 'kek_a', values: 3, projects: 2 },
  ],
  DATA_KEYS_DAMAGED: [
    {
      left: 2,
      keys: [
        { dataKeyId: 'd1', scope: 'p1', code: 'UNWRAP_FAILED' },
        { dataKeyId: 'd2', scope: 'deployment', code: 'UNWRAP_FAILED' },
      ],
    },
  ],
  MASTER_KEY_PRIMARY: [{ key: 'kek_a' }],
  MASTER_KEY_NOT_FIRST: [{ key: 'kek_a' }],
  KEYRING_BUSY: [{}],
  MASTER_KEY_UNKNOWN: [{ key: 'kek_a' }],
  MASTER_KEY_MADE_ELSEWHERE: [{ provider: 'AWS KMS' }],
  MASTER_KEY_NOT_EVERYWHERE: [{ key: 'kek_b', nodes: ['one', 'two'] }],
  LOG_NOT_SIGNED: [
    { needed: 9, signed: 3 },
    { needed: 9, signed: 3, alarm: 'The log has a hole. Look at the System page.' },
  ],
  CHECKPOINT_DIFFERS: [{ size: 4 }],
  RUN_SEALED: [{ runId: 'r1' }],
  WEBHOOK_NOT_SET: [{}],
  DELIVERY_PENDING: [{}],
  REAUTHENTICATION_REQUIRED: [{}],
  PASSWORD_WRONG: [{}],
  TOO_MANY_ATTEMPTS: [{ retryAfter: 1 }, { retryAfter: 600 }],
  RUN_ENDED: [{ status: 'failed' }, { runId: 'r1', status: 'completed' }],
  RUN_TAKEN_OVER: [{}],
  RUN_NOT_WAITING: [{ status: 'running' }],
  SESSION_BUSY: [{ runId: 'r1' }],
  SESSION_EXPIRED: [{}],
  TOOL_OUTPUTS_EXPIRED: [{ expiresAt: 1_763_640_300_000 }],
  TOOL_OUTPUTS_WRONG: [
    { callId: 'call_1', because: 'unknown' },
    { callId: 'call_1', because: 'doubled' },
    { callId: 'call_1', because: 'missing' },
  ],
}
const toDo =
  /\b(Enter|Check|Look|Send|try again|Use|Set|Make|Regenerate|Read|Start|Allow|Let|Run|Rotate|Give|Put|Keep|stays)\b/

test.each(Object.keys(everyRefusal) as (keyof Refusals)[])('%s says in whole sentences what to do', (code) => {
  for (const details of everyRefusal[code]) {
    const { message } = new Refusal(code, details)
    expect(message).toMatch(toDo)
    expect(message).toMatch(/^\S.*\.$/)
    expect(message).not.toMatch(/undefined|\[object|null|NaN| {2}/)
  }
})

test('a thing that was not found is named when its id is known', () => {
  expect(new Refusal('NOT_FOUND', { what: 'run', id: 'r1' }).message).toContain('no run r1 here')
  expect(new Refusal('NOT_FOUND', { what: 'project' }).message).toContain('no project with this id here')
})

const random = () => fc.uint8Array({ minLength: 10, maxLength: 10 })

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([k, v]) => [k, reversed(v)]),
  )
}
