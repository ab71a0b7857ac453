import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { Recorded } from '@stewrd/core/kernel/event.ts'
import type { StreamId } from '@stewrd/core/kernel/execute.ts'
import type { LlmEvent } from '@stewrd/core/llm/events.ts'
import { llmStream } from '@stewrd/core/llm/llm.ts'
import type { RunEvent } from '@stewrd/core/runs/events.ts'
import { runStream } from '@stewrd/core/runs/runs.ts'
import { EnvelopeError } from '@stewrd/crypto/gcm.ts'
import { KeyringError } from '@stewrd/crypto/keyring.ts'
import { DataKeyMissing } from '@stewrd/db/data-keys.ts'
import { checkpointCovering } from '@stewrd/db/log-tree/checkpoints.ts'
import { nodeReader } from '@stewrd/db/log-tree/node-reader.ts'
import { placesOf, readProofRows } from '@stewrd/db/log-tree/proof-rows.ts'
import { scoped, wholeAccount } from '@stewrd/db/scope.ts'
import { setTimeout as delay } from 'node:timers/promises'
import type { Platform } from '../platform.ts'
import { streamOf } from '../projects/project-of.ts'
import { headOf } from './export.ts'
import type { Prover } from './prove.ts'
import { prove } from './prove.ts'
import type { RunFacts } from './run-facts.ts'
import type { Signed } from './signed.ts'
import { checkpointRecords, notSigned, signedUpTo } from './signed.ts'
import { verifyBundle } from './verify.ts'
import { bundleText } from './write.ts'

/** The file, and what it proves: read from it as whoever gets it will. `checkpoint` is the newest in it. */
export type Receipt = { text: string; run: RunFacts; checkpoint: { size: number; at: number } }

const LOOK_MS = 50

/** The proof of what a run used. Refused with LOG_NOT_SIGNED when its events are not signed after `waitMs`. */
export async function runReceipt(
  platform: Platform,
  { projectId, runId, waitMs }: { projectId: string; runId: string; waitMs: number },
): Promise<Receipt> {
  const until = performance.now() + waitMs
  const parts = await partsOf(platform, projectId, runId)
  const places = await placesWhenLogged(platform, parts, until)
  const needed = Math.max(...places) + 1
  const newest = await signedUpTo(platform, needed, Math.max(0, until - performance.now()))
  if (!newest || newest.size < needed) throw await notSigned(platform, needed, newest?.size ?? 0)
  const text = await written(platform, { projectId, runId, places, newest })
  const facts = await verifyBundle(once(text), { key: platform.publicLog.verifierKey })
  return { text, run: facts.run!, checkpoint: { size: newest.size, at: newest.at } }
}

/** The project whose run this is. */
export async function projectOfRun({ sql, accountId }: Platform, runId: string): Promise<string> {
  const heads = sql<{ project_id: string }[]>`
    select project_id from heads where account_id = ${accountId} and stream = ${runStream(runId)}`
  const [head] = await scoped(heads, wholeAccount(accountId))
  if (!head) throw new Refusal('NOT_FOUND', { what: 'run', id: runId })
  return head.project_id
}

/** A stretch of a stream; both revisions are in it. */
type Part = { stream: string; from: number; to: number }

/** The configuration from the event that began it to the revision that the run names, and the run. */
async function partsOf(platform: Platform, projectId: string, runId: string): Promise<Part[]> {
  const opened = (stream: string) => readable(platform, streamOf(platform, projectId, stream), runId)
  const run = (await opened(runStream(runId))) as Recorded<RunEvent>[]
  const [first] = run
  if (first?.event.type !== 'RunStarted' || first.projectId !== projectId)
    throw new Refusal('NOT_FOUND', { what: 'run', id: runId })
  const { configRevision } = first.event.data
  const config = configRevision === 0 ? [] : ((await opened(llmStream(projectId))) as Recorded<LlmEvent>[])
  const began = config.findLast(({ seq, event: { type } }) => seq <= configRevision && begins.has(type))
  return [
    ...(began ? [{ stream: began.stream, from: began.seq, to: configRevision }] : []),
    { stream: first.stream, from: 1, to: run.length },
  ]
}

const begins = new Set<LlmEvent['type']>(['ProviderSet', 'ProviderRemoved'])

async function readable(platform: Platform, stream: StreamId, runId: string): Promise<Recorded[]> {
  try {
    return await platform.store.read(stream)
  } catch (error) {
    const sealed =
      error instanceof DataKeyMissing ||
      error instanceof EnvelopeError ||
      (error instanceof KeyringError && error.code !== 'KEYRING_UNAVAILABLE')
    throw sealed ? new Refusal('RUN_SEALED', { runId }, { cause: error }) : error
  }
}

/** What was appended just now gets its place a moment later. */
async function placesWhenLogged(platform: Platform, parts: readonly Part[], until: number): Promise<number[]> {
  const { sql, accountId } = platform
  const count = parts.reduce((sum, { from, to }) => sum + to - from + 1, 0)
  for (;;) {
    const places = (await Promise.all(parts.map((part) => placesOf(sql, { ...part, accountId }, part)))).flat()
    if (places.length === count) return places
    if (performance.now() >= until)
      throw await notSigned(platform, 1 + (await platform.history.size()), await signedSize(platform))
    await delay(LOOK_MS)
  }
}

const signedSize = async ({ publicLog }: Platform) => (await publicLog.published.refresh())?.size ?? 0

type Chosen = { projectId: string; runId: string; places: readonly number[]; newest: Signed }

async function written(platform: Platform, { projectId, runId, places, newest }: Chosen): Promise<string> {
  const { sql, accountId, dataKeys } = platform
  const read = nodeReader(sql)
  const prover: Prover = { read, tree: newest, dataKeys, opens: ({ type }) => !saidInRuns.has(type) }
  const rows = await readProofRows(sql, accountId, places)
  const oldest = await checkpointCovering(sql, Math.max(...places))
  const pieces: string[] = []
  const text = bundleText({
    head: headOf(platform, { projectId, runId, from: Math.min(...places), to: newest.size, disclosed: 'run' }),
    checkpoints: await checkpointRecords(platform, read, [...(oldest ? [oldest.note] : []), newest.note]),
    events: await Promise.all(rows.map((row) => prove(prover, row))),
    seal: platform.publicLog.sealBundle,
  })
  for await (const piece of text) pieces.push(piece)
  return pieces.join('')
}

async function* once(text: string) {
  yield Buffer.from(text)
}

/** What was said in a run, beside how it was started and how it ended: a receipt holds these events sealed. */
export const saidInRuns: ReadonlySet<string> = new Set([
  'ModelAnswered',
  'ToolCalled',
  'ToolReturned',
  'ToolOutputsRequested',
  'ToolOutputsSubmitted',
])
