import { runWithin } from '@stewrd/db/db-error.ts'
import { scoped, wholeAccount } from '@stewrd/db/scope.ts'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { Stopping } from '../kernel/stopping.ts'
import type { Platform } from '../platform.ts'
import { settling } from '../credits/settling.ts'
import { projectUsage } from '../limits/usage.ts'
import { orphanedRuns } from '../system/nodes.ts'
import { Credentials } from './credentials.ts'
import type { RunsDeps } from './deps.ts'
import { limitsOf } from './deps.ts'
import { Resumer } from './resumer.ts'
import { Runner } from './runner.ts'
import { activeSessions } from '../sessions/queries.ts'
import { historyOf } from '../sessions/service.ts'
import { v1Plugin } from './v1.ts'

type Options = {
  platform: Platform
  log: Logger
  publicUrl?: string | undefined
  /** Runs under way have this long when the server stops; then they are handed over. */
  drainMs?: number
  stopping?: Stopping
}

/** `/v1`, with what lives as long as the server: the runner, which finishes its runs, and the resumer of dead nodes' runs. */
export async function runsPlugin(app: FastifyInstance, options: Options): Promise<void> {
  const { platform, log, publicUrl, drainMs = 0, stopping = new Stopping() } = options
  const deps = runsDeps(platform, log)
  const credentials = new Credentials(deps)
  const runner = new Runner(deps, platform.runLoad)
  const resumer = new Resumer(deps, credentials, runner)
  app.addHook('onReady', async () => {
    runner.start()
    resumer.start()
  })
  app.addHook('preClose', () => runner.drain(drainMs, stopping.hurried))
  app.addHook('onClose', () => resumer.stop())
  const checkpoint = () => platform.publicLog.published.latest?.size
  await app.register(v1Plugin, {
    usage: (projectId: string) => projectUsage(platform, projectId),
    deps,
    credentials,
    runner,
    checkpoint,
    publicUrl,
    sessionLimit: platform.sessionLimit,
    completionLimit: platform.completionLimit,
  })
}

function runsDeps(platform: Platform, log: Logger): RunsDeps {
  const { accountId, node, now, secrets, egress, fallback, sql } = platform
  return {
    accountId,
    node,
    now,
    log,
    limits: limitsOf(platform.runLimit),
    // Three deciders in, their three states out: the store's mapped type says the same of any number.
    store: runsStore(platform),
    files: platform.files,
    priceBook: platform.priceBook,
    tolls: platform.tolls,
    secrets,
    revocations: platform.revocations.apiKeys,
    egress,
    fallback,
    onForget: (forget) => platform.forgetting.add(forget),
    orphans: (live) => orphanedRuns(sql, accountId, { node, live }),
    revisions: (streams) => revisions(platform, streams),
    historyOf: (projectId, sessionId, runId) => historyOf(platform, projectId, sessionId, runId),
    activeSessions: (projectId, since, recent) => activeSessions(platform, { projectId, since, recent }),
    streamOwner: (stream) => streamOwner(platform, stream),
  }
}

function runsStore({ store, metering }: Platform): RunsDeps['store'] {
  const all = store as unknown as RunsDeps['store']
  if (!metering) return all
  return {
    execute: settling(store.execute),
    read: (stream) => all.read(stream),
    head: (decider, stream) => all.head(decider, stream),
    heads: (requests) => all.heads(requests),
    lookup: (hash) => all.lookup(hash),
  }
}

async function revisions({ sql, accountId }: Platform, streams: readonly string[]) {
  const statement = sql<{ stream: string; seq: number }[]>`
    select stream, seq from heads where account_id = ${accountId} and stream = any(${[...streams]}::text[])`
  const rows = await runWithin(scoped(statement, wholeAccount(accountId)))
  return new Map(rows.map(({ stream, seq }) => [stream, seq]))
}

async function streamOwner({ sql, accountId }: Platform, stream: string): Promise<string | undefined> {
  const statement = sql<{ project_id: string }[]>`
    select project_id from heads where account_id = ${accountId} and stream = ${stream}`
  const [head] = await runWithin(scoped(statement, wholeAccount(accountId)))
  return head?.project_id
}
