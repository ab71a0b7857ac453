import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startServer } from './processes.ts'
import type { Result } from './result.ts'
import { median, spread } from './stats.ts'

/** From the start of the process until `/readyz` answers 200: on an empty home (database made and migrated), and on one that is there. */
export async function start(rounds: number): Promise<Result[]> {
  const first: number[] = []
  const again: number[] = []
  for (let round = 0; round < rounds; round++) {
    const home = await mkdtemp(join(tmpdir(), 'stewrd-bench-start-'))
    first.push(await timed(home))
    again.push(await timed(home))
    await rm(home, { recursive: true, force: true })
  }
  const result = (name: string, times: number[]): Result => ({
    name,
    measured: median(times),
    baseline: null,
    unit: 'ms',
    ratio: null,
    spread: spread(times),
  })
  return [result('start to /readyz, empty home', first), result('start to /readyz, home of before', again)]
}

async function timed(home: string): Promise<number> {
  const began = performance.now()
  const server = await startServer(home, {})
  const taken = performance.now() - began
  await server.stop()
  return taken
}
