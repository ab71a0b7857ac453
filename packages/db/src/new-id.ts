import { randomFillSync } from 'node:crypto'
import { uuidv7 } from '@stewrd/core/kernel/ids.ts'

// Random bytes are drawn in blocks: a draw costs more than the rest of an id.
const pool = Buffer.alloc(10 * 256)
let used = pool.length

/** A UUIDv7 of this moment. */
export function newId(unixMs: number): string {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += 10
  return uuidv7(unixMs, pool.subarray(used - 10, used))
}
