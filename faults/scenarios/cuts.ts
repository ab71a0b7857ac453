import { setTimeout as delay } from 'node:timers/promises'
import type { ProxyMode } from '../proxy.ts'
import type { Scenario } from '../scenario.ts'
import type { World } from '../world.ts'

const CALLERS = 40
const REFUSED_MS = 1_500

/** The database refuses connections for 1.5 s while pages are loaded, with and without a session. */
export const pool: Scenario = {
  name: `connections refused for ${REFUSED_MS / 1000} s, ${CALLERS} callers of pages`,
  rounds: 100,
  async fault(world) {
    const over = new AbortController()
    const callers = Array.from({ length: CALLERS }, (_, n) => pages(world, n, over.signal))
    await delay(200)
    world.database.proxy.mode('refuse')
    await delay(REFUSED_MS)
    world.database.proxy.mode('pass')
    over.abort()
    await Promise.all(callers)
  },
}

/** Loads pages one after another; what it is answered does not matter here. */
async function pages({ nodes, cookie }: World, n: number, over: AbortSignal): Promise<void> {
  const { url } = nodes[n % 2]!
  while (!over.aborted) {
    const path = n % 3 === 0 ? 'setup.status' : 'projects.list'
    await fetch(`${url}/trpc/${path}`, { headers: { cookie }, signal: AbortSignal.timeout(20_000) })
      .then((response) => response.arrayBuffer())
      .catch(() => {})
    await delay(20)
  }
}

const broken = (mode: ProxyMode, name: string, ms: number): Scenario => ({
  name,
  rounds: 5,
  async fault({ database }) {
    database.proxy.mode(mode)
    await delay(ms)
    database.proxy.mode('pass')
  },
})

export const blackHole = broken('blackhole', 'network to the database loses everything for 8 s', 8_000)
export const halfClosed = broken('half-close', 'answers of the database are lost for 5 s', 5_000)
export const slow = broken('delay', 'network to the database 200 ms slow for 10 s', 10_000)
