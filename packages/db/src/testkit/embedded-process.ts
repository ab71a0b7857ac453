// A process of its own that owns an embedded Postgres and writes, to be killed: STEWRD_HOME, AS, LOCK.
import postgres from 'postgres'
import { startEmbedded } from '../embedded/embedded.ts'
import { lockHome } from '../embedded/home.ts'

const home = process.env.STEWRD_HOME!
if (process.env.LOCK) await lockHome(home)
const { url, adopted } = await startEmbedded({ home, as: process.env.AS === 'command' ? 'command' : 'server' })
process.stdout.write(`${JSON.stringify({ url, adopted })}\n`)
const sql = postgres(url, { max: 1, onnotice: () => {} })
await sql`create table if not exists written (n bigint primary key)`
const [last] = await sql<{ n: string }[]>`select coalesce(max(n), 0) as n from written`
for (let n = Number(last!.n) + 1; ; n++) {
  await sql`insert into written values (${n})`
  // Told after Postgres acknowledged it.
  process.stdout.write(`${n}\n`)
}
