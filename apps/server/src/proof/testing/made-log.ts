import { createHash, createSecretKey } from 'node:crypto'
import { canonicalJson } from '@stewrd/core/kernel/canonical-json.ts'
import { chainNext, GENESIS } from '@stewrd/crypto/chain.ts'
import { signBundle } from '@stewrd/crypto/bundle-seal.ts'
import { signCheckpoint } from '@stewrd/crypto/checkpoint.ts'
import type { DataKey } from '@stewrd/crypto/data-key.ts'
import type { EventHeader } from '@stewrd/crypto/envelope.ts'
import { headerBytes, sealEventWith } from '@stewrd/crypto/envelope.ts'
import { leafData } from '@stewrd/crypto/log-leaf.ts'
import { consistencyProof, growTree, inclusionProof, leafHash, treeRoot } from '@stewrd/crypto/merkle.ts'
import type { ReadNodes } from '@stewrd/crypto/merkle.ts'
import { noteSigner } from '@stewrd/crypto/signed-note.ts'
import type { Checkpoint, Event, Head } from '../format.ts'
import { base64, FOREIGN_FORMAT, FORMAT } from '../format.ts'
import { bundleText, eventRecord } from '../write.ts'

/** A log of its own without a database: every byte of it follows from the script. */
export const accountId = '01a20774-48f4-7271-a479-d9a26c4368fd'
export const projectId = '01a20774-48f4-7271-a479-000000000001'
const otherProject = '01a20774-48f4-7271-a479-000000000002'
export const runId = '01a20774-48f4-7271-a479-00000000000a'
export const signer = noteSigner(`stewrd/log/${accountId}`, Buffer.alloc(32, 1))
const dekId = '01a20774-48f4-7271-a479-0000000000de'
const dataKey: DataKey = { id: dekId, purpose: 'event', epoch: 1, key: createSecretKey(Buffer.alloc(32, 2)) }

/** One event of the script. */
export type Said = { stream: string; type: string; data: object; project?: string }

const provider = { provider: 'custom', baseUrl: 'https://llm.example.com/v1' }
const keyOf = (n: number) => ({
  sealed: Buffer.alloc(48, n).toString('base64'),
  dekId: `01a20774-48f4-7271-a479-0000000000d${n}`,
  fingerprint: `fp_${String(n).repeat(16)}`,
})
const used = {
  ...provider,
  model: 'gpt-4o',
  keySource: 'project',
  configRevision: 3,
  keyFingerprint: keyOf(2).fingerprint,
}
const tokens = { input: 3, output: 2 }

/** A project's life up to a run that falls back to the old key, with another project's events in between. */
export const script: readonly Said[] = [
  { stream: `project:${projectId}`, type: 'ProjectCreated', data: { name: 'Support', capabilities: ['chat'] } },
  { stream: `project:${otherProject}`, type: 'ProjectCreated', data: { name: 'Other' }, project: otherProject },
  {
    stream: `llm:${projectId}`,
    type: 'ProviderSet',
    data: { provider, model: 'gpt-4o', key: keyOf(1), replaces: null },
  },
  { stream: `llm:${projectId}`, type: 'KeyRotated', data: { key: keyOf(2), replaces: keyOf(1).fingerprint } },
  { stream: `llm:${projectId}`, type: 'OverlapStarted', data: { key: keyOf(1), until: 1_800_000_000_000 } },
  {
    stream: `project:${otherProject}`,
    type: 'ProjectRenamed',
    data: { from: 'Other', to: 'Else' },
    project: otherProject,
  },
  {
    stream: `run:${runId}`,
    type: 'RunStarted',
    data: {
      object: 'agent.response',
      message: 'Grüße, "Welt"!',
      files: [],
      capabilities: ['chat'],
      stream: false,
      ...used,
      credits: 1,
      node: 'n1',
    },
  },
  { stream: `project:${projectId}`, type: 'ProjectRenamed', data: { from: 'Support', to: 'Support EU' } },
  {
    stream: `run:${runId}`,
    type: 'KeyFellBack',
    data: { from: keyOf(2).fingerprint, to: keyOf(1).fingerprint, status: 401 },
  },
  {
    stream: `run:${runId}`,
    type: 'ModelAnswered',
    data: { step: 1, content: 'Hello', finishReason: 'stop', tokens, durationMs: 7 },
  },
  { stream: `run:${runId}`, type: 'RunCompleted', data: { message: 'Hello', tokens, durationMs: 9 } },
]

/** Files of both projects, each with an event of the other one in the middle. */
export const foreignScript: readonly Said[] = [
  { stream: 'file:a', type: 'FileStored', data: { name: 'a' } },
  { stream: 'file:b', type: 'FileStored', data: { name: 'b' }, project: otherProject },
  { stream: 'file:b', type: 'FileShown', data: {}, project: otherProject },
  { stream: 'file:a', type: 'FileShown', data: {}, project: otherProject },
  { stream: 'file:b', type: 'FileRemoved', data: { name: 'b' } },
  { stream: 'file:a', type: 'FileRemoved', data: { name: 'a' } },
]

type Stored = { header: EventHeader; envelope: Buffer; previous: Buffer; chain: Buffer; salt: Buffer; payload: Buffer }
export type MadeLog = {
  events: readonly Stored[]
  read: ReadNodes
  checkpoint(size: number): Promise<string>
}

/** The log that the script leads to. */
export function makeLog(said: readonly Said[] = script): MadeLog {
  const heads = new Map<string, { seq: number; chain: Buffer }>()
  const events = said.map((one, index) => stored(one, index, heads))
  const leaves = events.map(({ header, chain }) => leafHash(leafData({ ...header, chain })))
  const nodes = new Map(growTree(0, [], leaves).map((node) => [`${node.level}/${node.index}`, node.hash]))
  const read: ReadNodes = async (at) => at.map(({ level, index }) => nodes.get(`${level}/${index}`)!)
  const checkpoint = async (size: number) => signCheckpoint(signer, { size, root: await treeRoot(read, size) })
  return { events, read, checkpoint }
}

const drawn = (what: string, index: number) => createHash('sha256').update(`${what} ${index}`).digest()

function stored(
  { stream, type, data, project = projectId }: Said,
  index: number,
  heads: Map<string, { seq: number; chain: Buffer }>,
): Stored {
  const before = heads.get(stream) ?? { seq: 0, chain: GENESIS }
  const seq = before.seq + 1
  const eventId = `01a20774-48f4-7271-a479-${String(index).padStart(12, '0')}`
  const aad = {
    accountId,
    projectId: project,
    stream,
    seq,
    eventId,
    type,
    version: 1,
    dekId,
    at: 1_790_000_000_000 + index,
    actor: 'user:ada',
  }
  const payload = Buffer.from(canonicalJson(data))
  const salt = drawn('salt', index)
  const { envelope, commitment } = sealEventWith(dataKey, aad, payload, {
    salt,
    nonce: drawn('nonce', index).subarray(0, 12),
  })
  const header = { ...aad, commitment, commandId: `command-${index}`, n: 0, commandMac: drawn('mac', index) }
  const chain = chainNext(before.chain, headerBytes(header), envelope)
  heads.set(stream, { seq, chain })
  return { header, envelope, previous: before.chain, chain, salt, payload }
}

export type Parts = { head: Head; checkpoints: Checkpoint[]; events: Event[] }

/** What an honest bundle of the log is made of. `opens` says which payloads are shown. */
export async function partsOf(
  log: MadeLog,
  {
    run = false,
    foreign = false,
    opens = () => true,
    sizes = [2, 11],
  }: { run?: boolean; foreign?: boolean; opens?: (type: string) => boolean; sizes?: number[] } = {},
): Promise<Parts> {
  const size = sizes.at(-1)!
  const head: Head = {
    format: foreign ? FOREIGN_FORMAT : FORMAT,
    account_id: accountId,
    project_id: projectId,
    run_id: run ? runId : null,
    from: run ? 2 : 0,
    to: size,
    disclosed: run ? 'run' : 'everything',
    made_at: 1_790_000_100_000,
    origin: signer.name,
    verifier_key: signer.verifierKey,
  }
  const checkpoints = await Promise.all(
    sizes.map(async (n, i) => {
      const proof = i === 0 ? [] : await consistencyProof(log.read, sizes[i - 1]!, n)
      return { checkpoint: { note: await log.checkpoint(n), consistency: proof.map(base64) } }
    }),
  )
  const chosen = log.events
    .map((event, index) => ({ ...event, index }))
    .filter(({ header: h }) => h.projectId === projectId || (foreign && (h.seq === 1 || h.stream === 'file:a')))
    .filter(({ header: h }) => !run || !h.stream.startsWith('project:'))
    .sort(
      (a, b) =>
        Buffer.compare(Buffer.from(a.header.stream), Buffer.from(b.header.stream)) || a.header.seq - b.header.seq,
    )
  const events = await Promise.all(
    chosen.map(async ({ salt, payload, ...event }) =>
      eventRecord({
        ...event,
        proof: await inclusionProof(log.read, event.index, size),
        disclosed: opens(event.header.type) && event.header.projectId === projectId ? { salt, payload } : undefined,
      }),
    ),
  )
  return { head, checkpoints, events }
}

/** The file, sealed with the log's own key: what is wrong in `parts` must be found without the seal. */
export async function written(parts: Parts): Promise<Buffer> {
  const pieces: string[] = []
  for await (const text of bundleText({ ...parts, seal: (content) => signBundle(signer, content) })) pieces.push(text)
  return Buffer.from(pieces.join(''))
}

export const opensReceipt = (type: string) => type !== 'ModelAnswered'
