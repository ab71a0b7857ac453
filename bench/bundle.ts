import { createHash } from 'node:crypto'
import { projectStream } from '@stewrd/core/projects/projects.ts'
import { exportProject } from '@stewrd/server/proof/export.ts'
import { verifyBundle } from '@stewrd/server/proof/verify.ts'
import type { Bed } from './bed.ts'
import { startNode, startScript } from './processes.ts'
import { makeProject } from './project.ts'
import type { Result } from './result.ts'
import { median, spread } from './stats.ts'
import { analyze, rename } from './streams.ts'

const ROUNDS = 3
/** Until the newest event is signed. */
const WAIT_MS = 60_000

/** A project's history as a file with proofs and opened payloads, and what checking that file takes beside SHA-256 over its lines. */
export async function bundle(bed: Bed, events: number): Promise<Result[]> {
  await using started = new AsyncDisposableStack()
  const upstream = await startScript('upstream-process.ts')
  started.defer(() => upstream.stop())
  const { platform, projectId } = await makeProject(bed, upstream.url)
  started.defer(() => platform.close())
  // It is what signs.
  const node = await startNode(bed, new URL(upstream.url).host)
  started.defer(() => node.stop())
  const stream = { accountId: bed.accountId, projectId, stream: projectStream(projectId) }
  for (let made = 0; made < events; made += 20)
    await Promise.all(Array.from({ length: 20 }, () => rename(bed.store, stream)))
  await analyze(bed)
  const [written, checked, hashed]: [number[], number[], number[]] = [[], [], []]
  for (let round = 0; round < ROUNDS; round++) {
    const lines: Buffer[] = []
    const options = { projectId, disclose: 'everything', waitMs: WAIT_MS } as const
    const { text } = await exportProject(platform, options)
    written.push(
      await rate(async () => {
        for await (const line of text) lines.push(Buffer.from(line))
        return lines.length
      }),
    )
    checked.push(await rate(async () => (await verifyBundle(chunksOf(lines))).events))
    hashed.push(
      await rate(async () => {
        for (const line of lines) createHash('sha256').update(line).digest()
        return lines.length
      }),
    )
  }
  const result = (name: string, ours: number[], theirs?: number[]): Result => {
    const [measured, baseline] = [median(ours), theirs ? median(theirs) : null]
    const ratio = baseline === null ? null : measured / baseline
    return { name, measured, baseline, unit: 'events/s', ratio, spread: spread(ours) }
  }
  const of = `of ${events.toLocaleString('en')} events, disclosed`
  return [result(`bundle ${of}: written`, written), result(`bundle ${of}: verified`, checked, hashed)]
}

async function* chunksOf(lines: readonly Buffer[]) {
  yield* lines
}

async function rate(work: () => Promise<number>): Promise<number> {
  const began = performance.now()
  return ((await work()) / (performance.now() - began)) * 1000
}
