import { setTimeout as delay } from 'node:timers/promises'
import type { Scenario } from '../scenario.ts'
import { between } from '../until.ts'

/** `kill -9` of a server in the middle of whatever it does; sometimes of both. */
export const kill: Scenario = {
  name: 'server killed (kill -9)',
  rounds: 100,
  async fault({ nodes }, round) {
    await delay(between(100, 1_000))
    const victims = round % 10 === 9 ? [nodes[0], nodes[1]] : [nodes[round % 2]!]
    await Promise.all(victims.map((node) => node.signal('SIGKILL')))
  },
}

/** `kill -9` of the postmaster. */
export const databaseDeath: Scenario = {
  name: 'database killed (kill -9)',
  rounds: 20,
  async fault({ database }) {
    await delay(between(100, 1_000))
    await database.kill()
    await delay(between(0, 3_000))
    await database.start()
  },
}

/** A server that stands still for longer than its leases hold, and then goes on. */
export const frozenServer: Scenario = {
  name: 'server frozen for 12 s (SIGSTOP)',
  rounds: 3,
  async fault({ nodes }, round) {
    const node = nodes[round % 2]!
    node.freeze()
    await delay(12_000)
    node.thaw()
  },
}

/** Every process of the database stands still. */
export const frozenDatabase: Scenario = {
  name: 'database frozen for 8 s (SIGSTOP)',
  rounds: 3,
  async fault({ database }) {
    await database.signal('SIGSTOP')
    await delay(8_000)
    await database.signal('SIGCONT')
  },
}
