import { timingSafeEqual } from 'node:crypto'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { Sql } from '../connect.ts'
import type { DataKeys } from '../data-keys.ts'
import { runWithin } from '../db-error.ts'
import { scoped } from '../scope.ts'
import type { EventRow } from '../record.ts'
import { eventColumns, openRecord } from '../record.ts'
import type { AnyOutcome, Job } from './job.ts'

/** The stored events of these commands, by `commandName`. */
export async function findCommands(
  sql: Sql,
  commands: readonly { accountId: string; commandId: string }[],
): Promise<Map<string, EventRow[]>> {
  if (commands.length === 0) return new Map()
  const statement = sql<EventRow[]>`
    select ${eventColumns(sql)}
    from unnest(${commands.map((c) => c.accountId)}::uuid[], ${commands.map((c) => c.commandId)}::text[]) as c(account_id, command_id)
    join events e using (account_id, command_id) order by e.account_id, e.command_id, e.n`
  // A command id stands for one command of the whole account, whatever project it was meant for.
  const accounts = [...new Set(commands.map((c) => c.accountId))]
  const projects = accounts.map((accountId) => ({ accountId, projectId: '*' }))
  const rows = await runWithin(scoped(statement, { projects }))
  return Map.groupBy(rows, (row) => commandName(row.account_id, row.command_id))
}

export const commandName = (accountId: string, commandId: string) => `${accountId}/${commandId}`

/** The first result of a command that was found, as of today's `state`. Throws COMMAND_REUSED if it was another command, or another project's. */
export async function firstOutcome(
  dataKeys: DataKeys,
  job: Job,
  rows: readonly EventRow[],
  state: unknown,
): Promise<AnyOutcome> {
  const { project_id, command_mac, event_id } = rows[0]!
  if (project_id !== job.id.projectId || !timingSafeEqual(command_mac, job.mac))
    throw new Refusal('COMMAND_REUSED', { commandId: job.meta.commandId })
  const events = await Promise.all(rows.map((row) => openRecord(dataKeys, row)))
  return { revision: rows.at(-1)!.seq, state, events, repeated: !job.sent.includes(event_id) }
}
