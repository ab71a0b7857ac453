import { createHash } from 'node:crypto'
import type { Acknowledged } from './load.ts'
import { until } from './until.ts'
import type { World } from './world.ts'
import { GRANTED } from './world.ts'

/** What is missing of what was acknowledged, and what is there twice; empty lists are what is wanted. */
export type Findings = { lost: string[]; doubled: string[] }

const FREE_CREDITS = 200

/** Compares what was acknowledged with what the servers keep. Every server must be up. */
export async function compare(world: World, to: Acknowledged, began: { index: number }): Promise<Findings> {
  const findings: Findings = { lost: [], doubled: [] }
  await compareRuns(world, to, findings)
  await compareChanges(world, to, began, findings)
  await compareFiles(world, to, findings)
  return findings
}

async function compareRuns({ nodes, apiKey }: World, { runs }: Acknowledged, { lost, doubled }: Findings) {
  for (const [key, ids] of runs) {
    if (ids.size > 1) doubled.push(`idempotency key ${key}: runs ${[...ids].join(', ')}`)
    for (const id of ids) {
      const response = await get(`${nodes[0].url}/v1/agent/${id}`, apiKey)
      const { status } = response.ok ? ((await response.json()) as { status: string }) : { status: response.status }
      if (status !== 'completed') lost.push(`run ${id} is ${status}`)
    }
  }
}

type Entry = { index: number; type: string; stream: string; seq: number; data: { to?: string } }

async function compareChanges(world: World, { changes }: Acknowledged, began: { index: number }, findings: Findings) {
  const after = began.index < 0 ? [] : ['--after', String(began.index)]
  const lines = (await world.run('--json', 'history', world.projectId, ...after)).split('\n').filter(Boolean)
  const entries = lines.map((line) => JSON.parse(line) as Entry)
  const changed = entries.filter(({ type }) => type === 'ModelChanged')
  for (const { model, revision } of changes) {
    const found = changed.filter(({ data }) => data.to === model)
    if (found.length > 1) findings.doubled.push(`change to ${model} at ${found.map(({ seq }) => seq).join(', ')}`)
    if (!found.some(({ seq }) => seq === revision)) findings.lost.push(`change ${revision} to ${model}`)
  }
  began.index = entries.at(-1)?.index ?? began.index
}

async function compareFiles({ nodes, apiKey }: World, { files }: Acknowledged, { lost }: Findings) {
  for (const [n, { id, sha256 }] of files.entries()) {
    const response = await get(`${nodes[n % 2]!.url}/v1/files/${id}/content`, apiKey)
    const bytes = Buffer.from(await response.arrayBuffer())
    if (!response.ok || createHash('sha256').update(bytes).digest('hex') !== sha256)
      lost.push(`file ${id}: HTTP ${response.status}, ${bytes.length} bytes`)
  }
}

const get = (url: string, apiKey: string) =>
  fetch(url, { headers: { authorization: `Bearer ${apiKey}` }, signal: AbortSignal.timeout(30_000) })

export type Books = { runs: number; completed: number; problems: string[] }

/**
 * What must hold over all of it: no run that nobody was told of, the ledger exact, the log dense, every completed run told by webhook,
 * and a history that verifies.
 */
export async function checkBooks(world: World, known: ReadonlySet<string>): Promise<Books> {
  const problems: string[] = []
  const statuses = await settledRuns(world)
  const completed = [...statuses].filter(([, status]) => status === 'completed').map(([id]) => id)
  const unknown = completed.filter((id) => !known.has(id))
  if (unknown.length > 0) problems.push(`${unknown.length} completed runs that no caller was told of: ${unknown[0]}`)
  const { credits } = JSON.parse(await world.run('--json', 'credits', 'balance')) as { credits: number }
  const expected = GRANTED + FREE_CREDITS - completed.length
  if (credits !== expected) problems.push(`the balance is ${credits}, and ${expected} is right`)
  problems.push(...(await logProblems(world)))
  await until('webhooks of completed runs are missing', 120_000, () =>
    completed.every((id) => world.receiver.delivered.has(id)),
  ).catch((error: Error) => problems.push(error.message))
  await world.run('audit', 'verify').catch((error: Error) => problems.push(`audit verify: ${error.message}`))
  return { runs: statuses.size, completed: completed.length, problems }
}

/** Holes in the log, and events that are not in it. */
async function logProblems({ database }: World): Promise<string[]> {
  const sql = database.admin()
  try {
    let row: { events: number; entries: number; last: number | null } | undefined
    await until('events wait for their place in the log', 60_000, async () => {
      ;[row] = await sql<(typeof row & object)[]>`
        select (select count(*)::int from events) as events, (select count(*)::int from log) as entries,
          (select max(idx)::int from log) as last`
      return row!.events === row!.entries
    })
    return row!.last === row!.entries - 1 ? [] : [`the log has ${row!.entries} entries, and the last is ${row!.last}`]
  } finally {
    await sql.end()
  }
}

/** Status by run, once none is running any more. */
async function settledRuns({ clients, projectId }: World): Promise<Map<string, string>> {
  const statuses = new Map<string, string>()
  await until('runs are still running', 120_000, async () => {
    statuses.clear()
    let cursor: number | undefined
    do {
      const page = await clients[0]!.runs.list.query({
        projectId,
        limit: 200,
        ...(cursor === undefined ? {} : { cursor }),
      })
      for (const { runId, status } of page.runs) statuses.set(runId, status)
      cursor = page.nextCursor ?? undefined
    } while (cursor !== undefined)
    return ![...statuses.values()].includes('running')
  })
  return statuses
}
