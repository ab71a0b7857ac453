import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openKeyringFile } from '@stewrd/crypto/keyring-file.ts'
import { noteSigner } from '@stewrd/crypto/signed-note.ts'
import { connect, disconnect } from '@stewrd/db/connect.ts'
import { DataKeys } from '@stewrd/db/data-keys.ts'
import { readLog } from '@stewrd/db/log-reader.ts'
import { verifyHistory } from '@stewrd/db/verify/verify.ts'

// Reads the whole log in a process of its own, and prints its largest resident set in bytes. STEWRD_BENCH_WHAT: replay, verify.
const { DATABASE_URL, STEWRD_HOME, STEWRD_BENCH_WHAT } = process.env
const sql = connect(DATABASE_URL!, { max: 4, role: 'stewrd_worker' })
const dataKeys = new DataKeys(sql, await openKeyringFile(join(STEWRD_HOME!, 'keyring.json')))
let events = 0
if (STEWRD_BENCH_WHAT === 'verify') {
  const { verifierKey } = noteSigner('stewrd/log/bench', Buffer.alloc(32, 7))
  const { size, wrong } = await verifyHistory({ sql, dataKeys, verifierKey, outside: [] }, { open: 0 })
  if (wrong > 0) throw new Error(`${wrong} findings in a history that nobody edited.`)
  events = size
} else for await (const batch of readLog({ sql, dataKeys })) events += batch.length
process.stdout.write(JSON.stringify({ events, bytes: await mostMemory() }))
await disconnect(sql)

/** `maxRSS` counts what the process was forked from, too, so Linux is asked for what this program has had. */
async function mostMemory(): Promise<number> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '')
  const most = /^VmHWM:\s+(\d+) kB$/m.exec(status)
  return (most ? Number(most[1]) : process.resourceUsage().maxRSS) * 1024
}
