import { randomBytes } from 'node:crypto'
import { uuidv7 } from '@stewrd/core/kernel/ids.ts'
import { machineTime } from './clock.ts'
import type { Sql } from './connect.ts'
import { run } from './db-error.ts'

/** The one account of this deployment, made at the first start. */
export async function theAccount(sql: Sql, now = machineTime()): Promise<{ accountId: string }> {
  const id = uuidv7(now, randomBytes(10))
  await run(sql`insert into accounts (id) values (${id}) on conflict do nothing`)
  const [account] = await run(sql<{ id: string }[]>`select id from accounts`)
  return { accountId: account!.id }
}
