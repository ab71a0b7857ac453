import { fileStream } from '@stewrd/core/files/files.ts'
import type { Sql } from '../connect.ts'
import { runWithin } from '../db-error.ts'
import { scoped, scopeOf } from '../scope.ts'

type ProjectOf = { accountId: string; projectId: string }
/** What a project has stored. */
export type FileUse = { files: number; bytes: number }
/** Null: any number. */
export type FileLimits = { files: number | null; bytes: number | null }

/** A row of a file whose event never came is a leftover of a crash after so long. */
const LEFT_OVER = '1 hour'

export async function fileUse(sql: Sql, { accountId, projectId }: ProjectOf): Promise<FileUse> {
  const [found] = await runWithin(sql<FileUse[]>`
    select files, bytes from file_meters where account_id = ${accountId} and project_id = ${projectId}`)
  return found ?? { files: 0, bytes: 0 }
}

/**
 * Counts a file of the project, before its event is appended. False, and nothing is counted, when the project would have more than `limits`:
 * however many ask at once, on however many servers, their sum never passes them.
 */
export async function reserveFile(
  sql: Sql,
  file: ProjectOf & { fileId: string; bytes: number },
  limits: FileLimits,
): Promise<boolean> {
  if (await reserved(sql, file, limits)) return true
  // There may be no meter yet, or leftovers of crashes may be counted.
  const { accountId, projectId } = file
  await runWithin(sql`
    insert into file_meters (account_id, project_id) values (${accountId}, ${projectId}) on conflict do nothing`)
  await dropLeftovers(sql, file)
  return reserved(sql, file, limits)
}

async function reserved(
  sql: Sql,
  { accountId, projectId, fileId, bytes }: ProjectOf & { fileId: string; bytes: number },
  limits: FileLimits,
): Promise<boolean> {
  const rows = await runWithin(sql`
    with counted as (
      update file_meters set files = files + 1, bytes = bytes + ${bytes}
      where account_id = ${accountId} and project_id = ${projectId}
        and (${limits.files}::bigint is null or files + 1 <= ${limits.files}::bigint)
        and (${limits.bytes}::bigint is null or bytes + ${bytes} <= ${limits.bytes}::bigint)
      returning project_id
    )
    insert into stored_files (account_id, file_id, project_id, bytes)
    select ${accountId}, ${fileId}, project_id, ${bytes} from counted returning file_id`)
  return rows.length === 1
}

/** A file that is not stored, or not any more. Doing it again does nothing. */
export const releaseFile = (sql: Sql, { accountId, fileId }: { accountId: string; fileId: string }) =>
  runWithin(sql`
    with gone as (
      delete from stored_files where account_id = ${accountId} and file_id = ${fileId} returning account_id, project_id, bytes
    )
    update file_meters m set files = m.files - 1, bytes = m.bytes - gone.bytes
    from gone where (m.account_id, m.project_id) = (gone.account_id, gone.project_id)`)

/** Rows of files that were never recorded, or were removed: their stream has no event, or the second. */
export function dropLeftovers(sql: Sql, { accountId, projectId }: ProjectOf) {
  const statement = sql`
    with gone as (
      delete from stored_files s where account_id = ${accountId} and project_id = ${projectId} and case
        when exists (
          select from heads h where h.account_id = s.account_id and h.stream = ${fileStream('')} || s.file_id and h.seq > 0
        ) then exists (
          select from heads h where h.account_id = s.account_id and h.stream = ${fileStream('')} || s.file_id and h.seq > 1
        ) else s.at < now() - ${LEFT_OVER}::interval end
      returning bytes
    ), sum as (select count(*) as files, coalesce(sum(bytes), 0) as bytes from gone)
    update file_meters m set files = m.files - sum.files, bytes = m.bytes - sum.bytes
    from sum where m.account_id = ${accountId} and m.project_id = ${projectId} and sum.files > 0`
  return runWithin(scoped(statement, scopeOf({ accountId, projectId })))
}
