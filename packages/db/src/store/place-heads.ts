import { GENESIS } from '@stewrd/crypto/chain.ts'
import type { StreamId } from '@stewrd/core/kernel/execute.ts'
import type { Sql } from '../connect.ts'
import { runWithin } from '../db-error.ts'
import { scoped, scopeOf } from '../scope.ts'

/** Gives streams without events a head row at 0, so that a guard has something to lock. */
export async function placeHeads(sql: Sql, id: StreamId, streams: readonly string[]): Promise<void> {
  const { accountId, projectId } = id
  const genesis = GENESIS.toString('hex')
  const statement = sql`
    insert into heads (account_id, stream, project_id, seq, chain, from_seq, from_chain, state_version)
    select ${accountId}::uuid, stream, ${projectId}::uuid, 0, decode(${genesis}, 'hex'), 0, decode(${genesis}, 'hex'), 0
    from unnest(${[...streams].sort()}::text[]) as s(stream) order by stream
    on conflict do nothing`
  await runWithin(scoped(statement, scopeOf(id)))
}
