import { firstBrokenLink } from '@stewrd/crypto/chain.ts'
import { headerBytes } from '@stewrd/crypto/envelope.ts'
import type { Sql } from '../connect.ts'
import { run } from '../db-error.ts'
import type { EventRow } from '../record.ts'
import { eventColumns, headerOf } from '../record.ts'
import { scoped, wholeAccount } from '../scope.ts'

/** The first seq of a stream whose link does not hold, from ciphertext alone. Undefined: the whole chain holds. */
export async function brokenChainAt(sql: Sql, accountId: string, stream: string): Promise<number | undefined> {
  const statement = sql<EventRow[]>`
    select ${eventColumns(sql)} from events e where e.account_id = ${accountId} and e.stream = ${stream} order by e.seq`
  const rows = await run(scoped(statement, wholeAccount(accountId)))
  return firstBrokenLink(
    rows.map((row) => ({ seq: row.seq, header: headerBytes(headerOf(row)), envelope: row.envelope, chain: row.chain })),
  )
}
