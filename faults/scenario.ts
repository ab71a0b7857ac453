import { randomUUID } from 'node:crypto'
import { agent } from './load.ts'
import { until } from './until.ts'
import type { World } from './world.ts'

/** One kind of fault. `rounds` is how often it happens unless the command line says otherwise. */
export type Scenario = {
  name: string
  rounds: number
  /** Why it cannot be run on this machine; undefined where it can. */
  missing?(): Promise<string | undefined>
  /** One fault, begun and ended. Resolves when the cause is gone; healing is measured from there. */
  fault(world: World, round: number): Promise<void>
  /** What was seen beside healing, for the table. */
  notes?(): string
}

/** How long both servers may take, once the cause is gone, until each is ready and carries out a run. */
const HEAL_MS = 90_000

/** Milliseconds until both servers are ready and each has completed a run. */
export async function healed(world: World): Promise<number> {
  const began = performance.now()
  for (const node of world.nodes) {
    const key = randomUUID()
    if (!node.running()) await node.start()
    await until(`${node.url} is not ready again:\n${node.tail()}`, HEAL_MS, () => node.ready())
    await until(`${node.url} carries out no run:\n${node.tail()}`, HEAL_MS, () => answers(world, node.url, key))
  }
  return performance.now() - began
}

const answers = async (world: World, url: string, key: string) => {
  const run = await agent(world, url, key, false).catch(() => undefined)
  if (run?.runId) world.probes.add(run.runId)
  return run?.runId !== undefined
}
