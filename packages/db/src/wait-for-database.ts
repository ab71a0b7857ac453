import { setTimeout as wait } from 'node:timers/promises'
import { StoreUnavailable } from '@stewrd/core/kernel/execute.ts'
import { connectionLimit } from './connection-limit.ts'

export type WaitOptions = {
  /** A command waits only for a database that is starting or recovering. */
  as: 'server' | 'command'
  /** Says why it waits, and again now and then. */
  onProgress?: (step: string) => void
  /** Longest wait, in milliseconds. */
  withinMs?: number
}

const WITHIN_MS = 60_000
/** A name that is not known is rather wrong than late. */
const UNKNOWN_HOST_MS = 20_000
const EVERY_MS = 500
const AGAIN_EVERY_MS = 10_000
const recovering = /^57P0[123]$/
const notThereYet =
  /^(57P0[123]|53300|080(01|03|04|06)|CONNECT(ION_CLOSED|_TIMEOUT)|E(CONN(REFUSED|RESET)|AI_AGAIN|NOTFOUND|TIMEDOUT|HOSTUNREACH|NETUNREACH|PIPE|NOENT))$/

/** Waits for a database that starts, recovers, or is not there yet, and returns how many connections it allows. Throws what is wrong with it: at once when waiting does not help. */
export async function waitForDatabase(url: string, options: WaitOptions): Promise<{ connections: number }> {
  const { as, onProgress, withinMs = WITHIN_MS } = options
  const passing = as === 'server' ? notThereYet : recovering
  const began = performance.now()
  const waited = () => performance.now() - began
  let said: { reason: string; at: number } | undefined
  for (;;) {
    const found = await look(url)
    if (typeof found === 'number') return { connections: found }
    const longest = found.reason === 'ENOTFOUND' ? Math.min(withinMs, UNKNOWN_HOST_MS) : withinMs
    if (!passing.test(found.reason) || waited() >= longest) throw found
    if (said?.reason !== found.reason || waited() - said.at >= AGAIN_EVERY_MS) {
      onProgress?.(`Waiting for the database, ${Math.ceil((longest - waited()) / 1000)} s at most. ${found.message}`)
      said = { reason: found.reason, at: waited() }
    }
    await wait(EVERY_MS)
  }
}

async function look(url: string): Promise<number | StoreUnavailable> {
  try {
    return await connectionLimit(url)
  } catch (error) {
    if (error instanceof StoreUnavailable) return error
    throw error
  }
}
