import { projectStream } from '@stewrd/core/projects/projects.ts'
import type { Sql } from '../connect.ts'
import { run } from '../db-error.ts'

/** A project whose shredding was recorded. Times are unix milliseconds; `doneAt` is null while something of it is left. */
export type ShreddedProject = {
  projectId: string
  at: number
  actor: string
  doneAt: number | null
  /** Master keys that once wrapped its data keys, and are not destroyed: with a backup from then it could still be opened. */
  heldBy: { id: string; version: number }[]
}

/** What of a project is left in the database. */
export type Remains = { dataKeys: number; states: number; rows: number; lookups: number }

type Row = Omit<ShreddedProject, 'at' | 'doneAt'> & { at: Date; doneAt: Date | null }

/** Every shredded project of an account, the newest first. */
export async function shreddedProjects(sql: Sql, accountId: string, projectId?: string): Promise<ShreddedProject[]> {
  const rows = await run(sql<Row[]>`
    select s.project_id as "projectId", s.at, s.actor, s.done_at as "doneAt", coalesce(k.held, '[]') as "heldBy"
    from shredded_projects s
    left join lateral (
      select jsonb_agg(jsonb_build_object('id', m.kek_id, 'version', m.kek_version) order by m.first_used_at) as held
      from master_keys m
      where m.status <> 'retired' and exists (
        select from destroyed_data_keys d
        where d.account_id = s.account_id and d.scope = s.project_id::text and m.kek_id || '/' || m.kek_version = any(d.keks))
    ) k on true
    where s.account_id = ${accountId} ${projectId === undefined ? sql`` : sql`and s.project_id = ${projectId}`}
    order by s.at desc`)
  return rows.map((row) => ({ ...row, at: row.at.getTime(), doneAt: row.doneAt?.getTime() ?? null }))
}

/** Who shredded the project and when, as its history says in the clear; undefined when it does not. */
export async function recordedShredding(
  sql: Sql,
  accountId: string,
  projectId: string,
): Promise<{ actor: string; at: number } | undefined> {
  const [row] = await run(sql<{ actor: string; at: Date }[]>`
    select actor, at from events
    where account_id = ${accountId} and stream = ${projectStream(projectId)} and type = 'ProjectShredded'`)
  return row && { actor: row.actor, at: row.at.getTime() }
}

/** Projects whose shredding stands in the log, and is not done. */
export async function unfinishedShreddings(sql: Sql, accountId: string) {
  return run(sql<{ projectId: string }[]>`
    select l.project_id as "projectId" from log l
    left join shredded_projects s using (account_id, project_id)
    where l.account_id = ${accountId} and l.type = 'ProjectShredded' and s.done_at is null order by l.idx`)
}

/** Projects whose time has come by `now` (unix milliseconds), as the view shows it. */
export async function dueShreddings(sql: Sql, accountId: string, now: number): Promise<string[]> {
  const rows = await run(sql<{ key: string }[]>`
    select r.key from projections p join view_rows r using (view, slot)
    where p.view = 'projects' and r.account_id = ${accountId} and r.view = 'projects'
      and r.row -> 'shred' ->> 'dueAt' is not null and (r.row -> 'shred' ->> 'dueAt')::bigint <= ${now}`)
  return rows.map(({ key }) => key)
}

/** From when this returns nothing of the project is decrypted any more, and its API keys lead nowhere. */
export async function closeProject(sql: Sql, accountId: string, projectId: string, by: { actor: string; at: number }) {
  await run(sql`
    with closed as (
      insert into shredded_projects (account_id, project_id, actor, at)
      values (${accountId}, ${projectId}, ${by.actor}, ${new Date(by.at)}) on conflict do nothing
    )
    delete from lookups where account_id = ${accountId} and project_id = ${projectId}`)
}

/** Destroys every data key of the project. Refused by the database while its shredding is not recorded. */
export const destroyDataKeys = (sql: Sql, accountId: string, projectId: string) =>
  run(sql`select shred_data_keys(${accountId}, ${projectId})`)

/** The sealed states of its streams. Their places in the chains stay. */
export const dropStates = (sql: Sql, accountId: string, projectId: string) =>
  run(sql`
    update heads set snapshot = null, snapshot_dek = null
    where account_id = ${accountId} and project_id = ${projectId} and snapshot is not null`)

/** What read models hold of it, also those that are being rebuilt, and the list of what was sent to its webhook. */
export const dropRows = (sql: Sql, accountId: string, projectId: string) =>
  run(sql`
    with sent as (delete from webhook_deliveries where account_id = ${accountId} and project_id = ${projectId}),
      aside as (delete from set_aside_rows where account_id = ${accountId} and project_id = ${projectId}),
      stored as (delete from stored_files where account_id = ${accountId} and project_id = ${projectId}),
      meter as (delete from file_meters where account_id = ${accountId} and project_id = ${projectId})
    delete from view_rows where account_id = ${accountId} and project_id = ${projectId}`)

export async function remainsOf(sql: Sql, accountId: string, projectId: string): Promise<Remains> {
  const [row] = await run(sql<Remains[]>`
    select
      (select count(*) from data_keys where account_id = ${accountId} and scope = ${projectId}) as "dataKeys",
      (select count(*) from heads where account_id = ${accountId} and project_id = ${projectId} and snapshot is not null) as states,
      (select count(*) from view_rows where account_id = ${accountId} and project_id = ${projectId})
        + (select count(*) from webhook_deliveries where account_id = ${accountId} and project_id = ${projectId}) as rows,
      (select count(*) from lookups where account_id = ${accountId} and project_id = ${projectId}) as lookups`)
  return row!
}

export const markDone = (sql: Sql, accountId: string, projectId: string) =>
  run(sql`
    update shredded_projects set done_at = coalesce(done_at, now())
    where account_id = ${accountId} and project_id = ${projectId}`)

/** How many projects' keys were destroyed: a server that knows of fewer has some to forget. */
export async function destroyedCount(sql: Sql): Promise<number> {
  const [row] = await run(sql<{ count: number }[]>`select count(*) from shredded_projects where keys_at is not null`)
  return row!.count
}
