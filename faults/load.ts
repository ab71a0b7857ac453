import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { between } from './until.ts'
import type { World } from './world.ts'

/** What servers acknowledged; compared afterwards with what they keep. */
export type Acknowledged = {
  /** Idempotency key → every run id that was answered for it. */
  runs: Map<string, Set<string>>
  changes: { model: string; revision: number; commandId: string }[]
  files: { id: string; sha256: string }[]
  /** Runs that failed although they were sent again once. */
  failedTwice: number
  /** Runs that were given up: each try of the same key failed. */
  failed: number
  /** Answers by status; `cut` without one. */
  statuses: Map<string, number>
}
export type Load = {
  acknowledged: Acknowledged
  /** Sends again what has no outcome yet, and ends. */
  stop(): Promise<void>
}

const RUNS_AT_ONCE = 8
const CALL_MS = 60_000
const TRIES = 30

/** Runs, changes of the model and uploads on both servers, until it is stopped. Each is sent again until it is acknowledged. */
export function startLoad(world: World): Load {
  const acknowledged: Acknowledged = {
    runs: new Map(),
    changes: [],
    files: [],
    failedTwice: 0,
    failed: 0,
    statuses: new Map(),
  }
  const stopped = new AbortController()
  const workers = [
    ...Array.from({ length: RUNS_AT_ONCE }, (_, n) => runs(world, acknowledged, stopped.signal, n)),
    changes(world, acknowledged, stopped.signal),
    uploads(world, acknowledged, stopped.signal),
  ]
  return {
    acknowledged,
    async stop() {
      stopped.abort()
      await Promise.all(workers)
    },
  }
}

async function runs(world: World, to: Acknowledged, stopped: AbortSignal, worker: number): Promise<void> {
  for (let n = 0; !stopped.aborted; n++) {
    const key = randomUUID()
    for (let attempt = 0; ; attempt++) {
      const node = world.nodes[(worker + n + attempt) % 2]!
      const id = await agent(world, node.url, key, n % 4 === 0).catch(() => undefined)
      count(to.statuses, id?.status ?? 'cut')
      if (id?.runId !== undefined) {
        to.runs.set(key, (to.runs.get(key) ?? new Set()).add(id.runId))
        break
      }
      if (attempt === 1) to.failedTwice++
      // A run that was recorded as failed answers the same for as long as its key lives.
      if (attempt === TRIES) {
        to.failed++
        break
      }
      await delay(between(10, 100) * Math.min(attempt + 1, 10))
    }
  }
}

/** The id of a run that completed; undefined for any other outcome. */
export async function agent({ apiKey }: World, url: string, key: string, stream: boolean) {
  const response = await fetch(`${url}/v1/agent`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify({ message: 'Say hello', stream }),
    signal: AbortSignal.timeout(CALL_MS),
  })
  const text = await response.text()
  const status = String(response.status)
  if (response.status !== 200) return { status, runId: undefined }
  if (!stream) return { status, runId: (JSON.parse(text) as { id: string }).id }
  const done = /event: done\ndata: (.*)\n\n/.exec(text)?.[1]
  return done ? { status, runId: (JSON.parse(done) as { id: string }).id } : { status: 'cut', runId: undefined }
}

async function changes(world: World, to: Acknowledged, stopped: AbortSignal): Promise<void> {
  for (let n = 0; !stopped.aborted; n++) {
    const command = { projectId: world.projectId, model: `m-${randomUUID()}`, commandId: randomUUID() }
    for (let attempt = 0; ; attempt++) {
      const client = world.clients[(n + attempt) % 2]!
      const signal = AbortSignal.timeout(CALL_MS)
      const change = await client.llm.changeModel.mutate(command, { signal }).catch(() => undefined)
      if (change) {
        to.changes.push({ model: command.model, revision: change.revision, commandId: command.commandId })
        break
      }
      await delay(between(20, 200))
    }
    await delay(between(20, 200))
  }
}

/** Without an idempotency key: what was not acknowledged may be there or not. */
async function uploads({ nodes, apiKey }: World, to: Acknowledged, stopped: AbortSignal): Promise<void> {
  for (let n = 0; !stopped.aborted; n++) {
    const content = randomBytes(between(1_000, 300_000))
    const form = new FormData()
    form.set('file', new Blob([content]), 'data.bin')
    const response = await fetch(`${nodes[n % 2]!.url}/v1/files`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}` },
      body: form,
      signal: AbortSignal.timeout(CALL_MS),
    }).catch(() => undefined)
    const kept =
      response?.status === 201 ? ((await response.json().catch(() => undefined)) as { id: string }) : undefined
    if (kept) to.files.push({ id: kept.id, sha256: createHash('sha256').update(content).digest('hex') })
    await delay(between(50, 300))
  }
}

const count = (statuses: Map<string, number>, status: string) => statuses.set(status, (statuses.get(status) ?? 0) + 1)
