import type { Sql, Tx } from '../connect.ts'
import { run } from '../db-error.ts'

/** One thing that is sent, over all its attempts. Times are unix milliseconds; `nextAt` is null unless it is pending. */
export type Delivery = {
  id: string
  projectId: string
  event: string
  /** What it tells of; null for a test. */
  source: { stream: string; seq: number } | null
  createdAt: number
  status: 'pending' | 'delivered' | 'failed'
  attempts: number
  lastAttempt: number
  nextAt: number | null
  triedAt: number | null
  responseCode: number | null
  error: string | null
  latencyMs: number | null
}
export type NewDelivery = Pick<Delivery, 'id' | 'projectId' | 'event' | 'source'>
/** `retryInMs` null: no other attempt follows. */
export type Outcome = Pick<Delivery, 'responseCode' | 'error' | 'latencyMs'> & { retryInMs: number | null }

type Row = Omit<Delivery, 'source' | 'createdAt' | 'nextAt' | 'triedAt'> & {
  stream: string | null
  seq: number | null
  createdAt: Date
  nextAt: Date | null
  triedAt: Date | null
}

const columns = (sql: Sql | Tx) => sql`
  id, project_id as "projectId", event, stream, seq, created_at as "createdAt", status, attempts, last_attempt as "lastAttempt",
  next_at as "nextAt", tried_at as "triedAt", response_code as "responseCode", error, latency_ms as "latencyMs"`

const deliveryOf = ({ stream, seq, createdAt, nextAt, triedAt, ...row }: Row): Delivery => ({
  ...row,
  source: stream === null ? null : { stream, seq: seq! },
  createdAt: createdAt.getTime(),
  nextAt: nextAt?.getTime() ?? null,
  triedAt: triedAt?.getTime() ?? null,
})

/** Enters deliveries that are due at once. What is there already, for the same event of the same stream, is left out. Returns the ids of the new ones. */
export async function addDeliveries(
  sql: Sql | Tx,
  accountId: string,
  deliveries: readonly NewDelivery[],
): Promise<string[]> {
  const rows = await run(sql<{ id: string }[]>`
    insert into webhook_deliveries (account_id, id, project_id, event, stream, seq, status, next_at)
    select ${accountId}, d.id, d.project_id, d.event, nullif(d.stream, ''), nullif(d.seq, 0), 'pending', now()
    from unnest(${deliveries.map((d) => d.id)}::uuid[], ${deliveries.map((d) => d.projectId)}::uuid[],
      ${deliveries.map((d) => d.event)}::text[], ${deliveries.map((d) => d.source?.stream ?? '')}::text[],
      ${deliveries.map((d) => d.source?.seq ?? 0)}::bigint[]) as d(id, project_id, event, stream, seq)
    on conflict do nothing returning id`)
  return rows.map(({ id }) => id)
}

export async function deliveryOfId(sql: Sql, accountId: string, id: string): Promise<Delivery | undefined> {
  const [row] = await run(sql<Row[]>`
    select ${columns(sql)} from webhook_deliveries where account_id = ${accountId} and id = ${id}`)
  return row && deliveryOf(row)
}

/** Newest first; `before` is the id of the last one of the page before. */
export async function listDeliveries(
  sql: Sql,
  accountId: string,
  projectId: string,
  { limit, before }: { limit: number; before?: string | undefined },
): Promise<Delivery[]> {
  const rows = await run(sql<Row[]>`
    select ${columns(sql)} from webhook_deliveries
    where account_id = ${accountId} and project_id = ${projectId} ${
      before === undefined
        ? sql``
        : sql`and (created_at, id) < (
            select created_at, id from webhook_deliveries
            where account_id = ${accountId} and project_id = ${projectId} and id = ${before})`
    }
    order by created_at desc, id desc limit ${limit}`)
  return rows.map(deliveryOf)
}

/** Notes what an attempt came to. False when another one was noted meanwhile: then nothing is written. */
export async function recordAttempt(
  sql: Sql | Tx,
  accountId: string,
  { id, attempts }: Pick<Delivery, 'id' | 'attempts'>,
  { responseCode, error, latencyMs, retryInMs }: Outcome,
): Promise<boolean> {
  const status = error === null ? 'delivered' : retryInMs === null ? 'failed' : 'pending'
  const rows = await run(sql`
    update webhook_deliveries set status = ${status}, attempts = attempts + 1, tried_at = now(), response_code = ${responseCode},
      error = ${error}, latency_ms = ${latencyMs}, next_at = now() + ${retryInMs}::double precision * interval '1 millisecond'
    where account_id = ${accountId} and id = ${id} and status = 'pending' and attempts = ${attempts}`)
  return rows.count === 1
}

/** Lets a delivery that has ended be tried anew, with as many attempts as at first. False while it is pending. */
export async function reopenDelivery(sql: Sql | Tx, accountId: string, id: string, attempts: number): Promise<boolean> {
  const rows = await run(sql`
    update webhook_deliveries set status = 'pending', next_at = now(), last_attempt = attempts + ${attempts}
    where account_id = ${accountId} and id = ${id} and status <> 'pending'`)
  return rows.count === 1
}

/** Pending deliveries that should have been tried before `lateMs` ago. */
export const lateDeliveries = (sql: Sql, accountId: string, lateMs: number) =>
  run(sql<Pick<Delivery, 'id' | 'projectId'>[]>`
    select id, project_id as "projectId" from webhook_deliveries
    where account_id = ${accountId} and status = 'pending' and next_at < now() - ${lateMs}::double precision * interval '1 millisecond'
    order by next_at limit 500`)

/** As if it had never been. */
export const dropDelivery = (sql: Sql | Tx, accountId: string, id: string) =>
  run(sql`delete from webhook_deliveries where account_id = ${accountId} and id = ${id}`)

/** Takes deliveries that ended out of the list when they are older than `days`. */
export const dropOldDeliveries = (sql: Sql, accountId: string, days: number) =>
  run(sql`
    delete from webhook_deliveries
    where account_id = ${accountId} and status <> 'pending' and created_at < now() - ${days}::int * interval '1 day'`)
