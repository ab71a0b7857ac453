import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { AnyEvent, describeEvent, eventTypes, readEvent, upcasters, views } from './catalog.ts'
import { nouns } from './kernel/event.ts'
import type { EventShape } from './kernel/event.ts'
import { plain } from './kernel/sentence.ts'

const folder = new URL('../../../testdata/events/', import.meta.url)
const fixture = (name: string): unknown => JSON.parse(readFileSync(new URL(name, folder), 'utf8'))
const published = AnyEvent.options.map((o) => ({ type: o.shape.type.value, version: o.shape.version.value }))

const sentences: Record<AnyEvent['type'], string> = {
  ProjectCreated: 'created the project Support desk',
  ProjectRenamed: 'renamed the project from Support desk to Help desk',
  CapabilitiesChanged: 'changed the capabilities from chat to chat, files, browser',
  ProjectArchived: 'archived the project',
  LimitsChanged:
    "changed the limits from the server's runs a minute, any tokens a month, the server's MB of files, the server's files, 20 open sessions to 120 runs a minute, 1000000 tokens a month, 500 MB of files, 1000 files, the server's open sessions",
  PlanSet: 'changed the plan from none to free (chat, files)',
  CreditsGranted: 'granted 500 credits',
  CreditsPurchased: 'booked 500 credits that were bought (INV-2026-17)',
  ProjectShredRequested: 'asked for the project to be shredded at 2026-11-25T08:00:00.000Z',
  ProjectShredCancelled: 'cancelled the shredding of the project',
  ProjectShredded: 'shredded the project: its keys are destroyed',
  ProviderSet: 'replaced OpenRouter by OpenAI with model gpt-4o and key fp_00000000000000aa',
  KeyRotated: 'rotated the provider key from fp_00000000000000aa to fp_00000000000000bb',
  ModelChanged: 'changed the model from gpt-4o to o1',
  ProviderRemoved: 'removed the provider OpenAI and its key fp_00000000000000bb',
  KeyVerified: 'verified the key fp_00000000000000aa with the provider in 212 ms',
  KeyRejected: 'saw the provider reject the key fp_00000000000000bb with HTTP 401',
  KeyUnreachable: 'could not check the key fp_00000000000000aa: The provider did not answer in time.',
  ApiKeyIssued: 'issued the project API key',
  ApiKeyRegenerated: 'regenerated the project API key; the one before stopped working',
  ApiKeyRevoked: 'revoked the project API key',
  RunStarted: 'started a run on gpt-4o with key fp_00000000000000aa at revision 3',
  ModelAnswered: 'received answer 1 from the model (17 tokens)',
  RunCompleted: 'completed the run in 655 ms with 17 tokens',
  MasterKeyAdded: 'added the master key kek_00000000000000bb in the keyring file',
  MasterKeyRotationStarted: 'started the rotation of the master key from kek_00000000000000aa to kek_00000000000000bb',
  MasterKeyRotated:
    'rotated the master key from kek_00000000000000aa to kek_00000000000000bb: 42 values under the new key, 0 left under the old',
  MasterKeyRetired: 'retired the master key kek_00000000000000aa',
  DataKeyRotationStarted:
    'started the rotation of the data keys of project 01890a5d-ac96-774b-bcce-b302099a8057 to epochs 2 and 3',
  DataKeysRotated: 'rotated the data keys of project 01890a5d-ac96-774b-bcce-b302099a8057 to epochs 2 and 3',
  KeyStaged: 'staged the provider key fp_00000000000000bb: no run uses it yet',
  KeyUnstaged: 'took the staged key fp_00000000000000bb away',
  OverlapStarted: 'kept the old key fp_00000000000000aa as a fallback until 2026-11-18T11:06:40.000Z',
  OverlapEnded: 'ended the overlap in time: fp_00000000000000aa is no fallback any more',
  KeyRolledBack: 'rolled the provider key back from fp_00000000000000bb to fp_00000000000000aa',
  KeyFellBack: 'fell back to the old key fp_00000000000000aa, because the provider answered 401 to fp_00000000000000bb',
  KeyRetired: 'destroyed the stored value of the replaced key fp_00000000000000aa',
  RotationPolicySet: 'changed the time after which a key is rotated from 90 days to 30 days',
  RunResumed: 'went on with the run on node node-2',
  RunReconfigured: 'went on with the run on gpt-4o-mini with key fp_00000000000000bb at revision 5',
  ToolCalled: 'called the tool read_file',
  ToolReturned: 'received the result of read_file in 12 ms',
  ToolOutputsRequested: 'asked the client for the outputs of weather (round 1)',
  ToolOutputsSubmitted: 'sent 1 tool outputs (round 1)',
  RunCancelled: 'stopped the run',
  SessionOpened: 'opened a session',
  SessionMessageStarted: 'sent a message to the session, which run 01890a5d-ac96-774b-bcce-b302099a8060 answers',
  SessionMessageEnded: 'answered the message in run 01890a5d-ac96-774b-bcce-b302099a8060',
  SessionDeleted: 'deleted the session',
  DefaultModelSwitched: 'let runs go on with the server’s model when the provider fails',
  RunFellBack: 'went on with the server’s model, as the provider failed with compute_unavailable',
  PriceSet: 'set the price of gpt-4o to $2.5 in and $10 out for a million tokens',
  PriceRemoved: 'removed the price of gpt-4o',
  FileStored: 'uploaded the file report.pdf of 18211 bytes',
  FileRemoved: 'removed the file report.pdf',
  RunFailed: 'saw the run fail with provider_key_rejected',
  WebhookSet: 'moved the webhook from old.example to hooks.example:8443',
  WebhookSecretRegenerated:
    'replaced the webhook secret fp_00000000000000aa by fp_00000000000000bb; both sign until 2026-11-18T11:06:40.000Z',
  WebhookOverlapEnded: 'destroyed the replaced webhook secret fp_00000000000000aa',
  WebhookEventsChanged: "changed the webhook's further events from none to agent.failed, key.overdue",
  WebhookRemoved: 'removed the webhook to hooks.example:8443',
}

test.each(published)('a stored $type of version $version still means what it meant', ({ type, version }) => {
  const stored = fixture(`${type}.v${version}.json`)
  const event = AnyEvent.parse(stored)
  expect(event).toEqual(stored)
  expect(plain(describeEvent(event))).toBe(sentences[event.type])
})

test('every stored event that was ever shipped is read as the newest version of its type', () => {
  for (const name of readdirSync(folder)) {
    const stored = fixture(name) as EventShape
    expect(name).toBe(`${stored.type}.v${stored.version}.json`)
    expect(AnyEvent.safeParse(readEvent(stored)).error, name).toBeUndefined()
  }
})

test('every version that an event ever had is kept as it was stored, and has an upcaster to the next', () => {
  const shipped = new Set(readdirSync(folder))
  for (const { type, version } of published) {
    for (let v = 1; v <= version; v++) expect(shipped, 'fixtures').toContain(`${type}.v${v}.json`)
    expect(upcasters[type] ?? [], type).toHaveLength(version - 1)
  }
})

test('an event of a newer program is not guessed at', () => {
  const stored = fixture('ModelChanged.v1.json') as EventShape
  expect(readEvent({ ...stored, version: 2 })).toBeUndefined()
  expect(readEvent({ ...stored, type: 'ModelSwapped' })).toBeUndefined()
})

test('an event with a field that nobody declared, or of another version, is refused', () => {
  const stored = fixture('ModelChanged.v1.json') as { data: object }
  expect(AnyEvent.safeParse({ ...stored, version: 2 }).success).toBe(false)
  expect(AnyEvent.safeParse({ ...stored, data: { ...stored.data, key: 'sk' } }).success).toBe(false)
  expect(AnyEvent.safeParse({ ...stored, type: 'ModelSwapped' }).success).toBe(false)
})

test('every event type belongs to exactly one noun', () => {
  expect(Object.keys(eventTypes)).toEqual([...nouns])
  expect(Object.values(eventTypes).flat().sort()).toEqual(published.map((p) => p.type).sort())
})

test('sentences adapt to what is absent', () => {
  const first = AnyEvent.parse(fixture('ProviderSet.v1.json'))
  if (first.type !== 'ProviderSet') throw new Error('wrong fixture')
  const custom = { provider: 'custom' as const, baseUrl: 'https://llm.example:8443/v1' }
  expect(plain(describeEvent({ ...first, data: { ...first.data, provider: custom, replaces: null } }))).toBe(
    'set the provider to llm.example:8443 with model gpt-4o and key fp_00000000000000aa',
  )
  const none = { type: 'CapabilitiesChanged', version: 1, data: { from: ['chat'], to: [] } } as const
  expect(plain(describeEvent(AnyEvent.parse(none)))).toBe('changed the capabilities from chat to none')
})

test('a run on the default or the demo model says so', () => {
  const started = AnyEvent.parse(fixture('RunStarted.v3.json'))
  if (started.type !== 'RunStarted') throw new Error('wrong fixture')
  const on = (keySource: 'default' | 'demo') =>
    plain(describeEvent({ ...started, data: { ...started.data, keySource, keyFingerprint: null } }))
  expect(on('default')).toBe('started a run on gpt-4o, the default model')
  expect(on('demo')).toBe('started a run on gpt-4o, the demo model')
})

test('views have names of their own and know the nouns they read', () => {
  expect(new Set(views.map((v) => v.projection.name)).size).toBe(views.length)
  for (const { nouns: read } of views) expect(read.length).toBeGreaterThan(0)
})
