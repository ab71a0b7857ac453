import { leafData } from '@stewrd/crypto/log-leaf.ts'
import type { NodeAt } from '@stewrd/crypto/merkle.ts'
import type { Tile } from '@stewrd/crypto/tile.ts'
import { entryBundle, tileNodes, TILE_WIDTH } from '@stewrd/crypto/tile.ts'
import type { Sql } from '../connect.ts'
import { run } from '../db-error.ts'
import { eventFrom } from '../log-reader.ts'
import { plainArray } from '../sql-array.ts'

/** Log or tree lack what they must have: a bug or an edit, for an alarm. */
export class LogDamaged extends Error {
  override readonly name = 'LogDamaged'
  readonly code: 'LOG_ENTRY_MISSING' | 'TREE_NODE_MISSING'
  constructor(code: LogDamaged['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** Point reads for roots and proofs, all in one round trip. Throws LogDamaged when one is not there. */
export async function readNodes(sql: Sql, at: readonly NodeAt[]): Promise<Buffer[]> {
  if (at.length === 0) return []
  const rows = await run(sql<{ hash: Buffer | null }[]>`
    select n.hash
    from unnest(${plainArray(at.map((a) => a.level))}::int[], ${plainArray(at.map((a) => a.index))}::bigint[]) with ordinality as wanted(level, idx, nth)
    left join tree_nodes n on n.level = wanted.level::smallint and n.idx = wanted.idx order by wanted.nth`)
  return rows.map(({ hash }, i) => hash ?? missing(at[i]!))
}

/** The bytes of a tile that the log has. */
export async function readTile(sql: Sql, tile: Tile): Promise<Buffer> {
  const { level, index, width } = tile
  const from = index * TILE_WIDTH
  if (level === 'entries') return entryBundle((await readLeaves(sql, from, from + width)).map(leafData))
  const [first] = tileNodes({ level, index, width })
  const rows = await run(sql<{ hash: Buffer }[]>`
    select hash from tree_nodes where level = ${first!.level}::smallint and idx >= ${from} and idx < ${from + width} order by idx`)
  if (rows.length !== width) return missing(first!)
  return Buffer.concat(rows.map(({ hash }) => hash))
}

type Leaf = { accountId: string; stream: string; seq: number; chain: Buffer }

/** What the leaves from `from` to before `to` bind. Throws LogDamaged at the first that is not in the log, or has no event. */
export async function readLeaves(sql: Sql, from: number, to: number): Promise<Leaf[]> {
  const rows = await run(sql<{ idx: number; account_id: string; stream: string; seq: number; chain: Buffer | null }[]>`
    select l.idx, l.account_id, l.stream, l.seq, e.chain
    from (select idx, account_id, stream, seq from log where idx >= ${from} and idx < ${to} order by idx) l
    left join lateral (${eventFrom(sql)}) e using (account_id, stream, seq) order by l.idx`)
  return Array.from({ length: to - from }, (_, i) => {
    const row = rows[i]
    if (row?.idx !== from + i) throw new LogDamaged('LOG_ENTRY_MISSING', `Entry ${from + i} of the log is missing.`)
    if (!row.chain)
      throw new LogDamaged('LOG_ENTRY_MISSING', `Entry ${from + i} of the log names an event that is missing.`)
    return { accountId: row.account_id, stream: row.stream, seq: row.seq, chain: row.chain }
  })
}

function missing({ level, index }: NodeAt): never {
  throw new LogDamaged('TREE_NODE_MISSING', `The log's tree lacks the hash at level ${level}, place ${index} or after.`)
}
