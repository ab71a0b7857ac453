import type { RunRow } from '@stewrd/core/runs/runs.projection.ts'
import type { ClockStanding, DatabaseClock } from '@stewrd/db/clock.ts'
import { databaseTime } from '@stewrd/db/clock.ts'
import type { Sql } from '@stewrd/db/connect.ts'
import { run } from '@stewrd/db/db-error.ts'
import type { Logger } from 'pino'
import { clockMessage } from './clock-message.ts'

const BEAT_MS = 2_000
/** A node that was silent for longer than this is dead. */
const ALIVE_SECONDS = 15

type Options = {
  sql: Sql
  node: string
  log: Logger
  clock: DatabaseClock
  /** No other server can be running: what stands there is from before a crash. */
  alone: boolean
  /** The master keys (`id/version`) that this node can open, looked up anew. */
  masterKeys: () => Promise<string[]>
  /** Of how many shredded projects nothing is in its memory any more, looked up anew. */
  forgotten: () => Promise<number>
}

/** This process among the nodes that share the database: says every two seconds that it is alive. */
export class Nodes {
  readonly #options: Options
  #timer: NodeJS.Timeout | undefined
  #standing: ClockStanding | undefined
  #beating: Promise<unknown> = Promise.resolve()

  constructor(options: Options) {
    this.#options = options
  }

  async start(): Promise<void> {
    const { sql, node, alone } = this.#options
    if (alone) await run(sql`delete from nodes where id <> ${node}`)
    await this.#beat()
    this.#timer = setInterval(() => this.#tick(), BEAT_MS)
    this.#timer.unref()
  }

  /** Says goodbye, so that nobody waits for it to be dead. */
  async stop(): Promise<void> {
    const { sql, node } = this.#options
    clearInterval(this.#timer)
    await this.#beating
    await run(sql`delete from nodes where id = ${node}`).catch(() => {})
  }

  /** How many nodes are alive. */
  async count(): Promise<number> {
    const { sql } = this.#options
    const [row] = await run(sql<{ count: number }[]>`
      select count(*) from nodes where seen_at > now() - make_interval(secs => ${ALIVE_SECONDS})`)
    return row?.count ?? 0
  }

  /** Nodes that are alive and cannot open this master key (`id/version`). */
  async without(masterKey: string): Promise<string[]> {
    const { sql } = this.#options
    const rows = await run(sql<{ id: string }[]>`
      select id from nodes
      where seen_at > now() - make_interval(secs => ${ALIVE_SECONDS}) and not coalesce(master_keys @> ${[masterKey]}::text[], false)`)
    return rows.map(({ id }) => id)
  }

  /** Nodes that are alive and may still have keys of a shredded project in memory, when `count` are shredded. */
  async notForgotten(count: number): Promise<string[]> {
    const { sql } = this.#options
    const rows = await run(sql<{ id: string }[]>`
      select id from nodes
      where seen_at > now() - make_interval(secs => ${ALIVE_SECONDS}) and coalesce(forgotten, -1) < ${count}`)
    return rows.map(({ id }) => id)
  }

  /** Nodes that are alive and whose own clocks are more than two seconds off, the worst first. */
  async clocksOff(): Promise<{ node: string; aheadMs: number }[]> {
    const { sql } = this.#options
    return run(sql<{ node: string; aheadMs: number }[]>`
      select id as node, clock_ahead_ms as "aheadMs" from nodes
      where seen_at > now() - make_interval(secs => ${ALIVE_SECONDS}) and clock_ahead_ms is not null
      order by abs(clock_ahead_ms) desc`)
  }

  #tick() {
    this.#beating = this.#beat().catch((err: unknown) =>
      this.#options.log.warn({ err, part: 'nodes' }, 'a beat failed'),
    )
  }

  async #beat(): Promise<void> {
    const { sql, node, clock, masterKeys, forgotten } = this.#options
    const [keys, count] = [await masterKeys(), await forgotten()]
    const { off, aheadMs } = clock.standing()
    await clock.time(async () => {
      const [row] = await run(sql<{ at: number }[]>`
        insert into nodes (id, log_idx, master_keys, forgotten, clock_ahead_ms)
        select ${node}, size, ${keys}::text[], ${count}::bigint, ${off ? aheadMs : null}::bigint from log_state
        on conflict (id) do update set seen_at = now(), log_idx = excluded.log_idx, master_keys = excluded.master_keys,
          forgotten = excluded.forgotten, clock_ahead_ms = excluded.clock_ahead_ms
        returning ${databaseTime(sql)} as at`)
      return row!.at
    })
    this.#noteClock(clock.standing())
  }

  /** A line in the log whenever it changes, not with each beat. */
  #noteClock(standing: ClockStanding): void {
    const before = this.#standing ?? { off: false, trusted: true }
    this.#standing = standing
    if (before.off === standing.off && before.trusted === standing.trusted) return
    const { log } = this.#options
    const fields = { part: 'clock', aheadMs: standing.aheadMs, toleranceMs: standing.toleranceMs }
    if (standing.trusted) log.warn(fields, clockMessage(standing))
    else log.error(fields, clockMessage(standing))
  }
}

/** Another node goes on with the runs of one that was silent for so long. Should that one live, its writes are refused. */
const RUNS_WAIT_SECONDS = 7

/** A run that began on this node so long ago, and that it does not carry out: the answer to its first append was lost. */
const LOST_MS = 30_000

/** Runs that the view shows as running on a node that is dead or on this one, which knows of `live` only, or as waiting for outputs that are overdue. */
export async function orphanedRuns(
  sql: Sql,
  accountId: string,
  { node, live }: { node: string; live: readonly string[] },
): Promise<RunRow[]> {
  const found = await run(sql<{ row: RunRow }[]>`
    select r.row from projections p join view_rows r using (view, slot)
    where r.account_id = ${accountId} and r.view = 'runs' and (
        r.row ->> 'status' = 'running' and not exists (
          select from nodes n
          where n.id = r.row ->> 'node' and n.seen_at > now() - make_interval(secs => ${RUNS_WAIT_SECONDS}))
        or r.row ->> 'status' = 'running' and r.row ->> 'node' = ${node} and not r.key = any(${[...live]}::text[])
          and (r.row ->> 'startedAt')::numeric < extract(epoch from now()) * 1000 - ${LOST_MS}::bigint
        or r.row ->> 'status' = 'waiting' and (r.row ->> 'expiresAt')::numeric < extract(epoch from now()) * 1000)
    limit 200`)
  return found.map(({ row }) => row)
}
