import { access, readdir, readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { Scenario } from '../scenario.ts'
import type { World } from '../world.ts'

/** A server is stopped as a deployment stops it, while the other one serves; then it comes back. */
export function rolling(): Scenario {
  const ends: { code: number | null; ms: number }[] = []
  return {
    name: 'rolling restart (SIGTERM)',
    rounds: 10,
    async fault({ nodes }, round) {
      ends.push(await nodes[round % 2]!.signal('SIGTERM'))
    },
    notes() {
      const unclean = ends.filter(({ code }) => code !== 0).length
      const slowest = Math.max(...ends.map(({ ms }) => ms))
      return `exit 0: ${ends.length - unclean} of ${ends.length}; slowest stop ${(slowest / 1000).toFixed(1)} s`
    },
  }
}

const libraries = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1',
]
const present = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  )
async function library(): Promise<string | undefined> {
  for (const path of libraries) if (await present(path)) return path
  return undefined
}

const offsets = ['-5m', '+5m', '-400d', '+400d', '+8d']

/** A server whose clock is wrong by minutes, days, more than a year; it runs beside one whose clock is right. */
export const clocks: Scenario = {
  name: 'clock of a server off by 5 min to 400 days',
  rounds: offsets.length,
  missing: async () => ((await library()) ? undefined : 'needs libfaketime (Debian: apt-get install libfaketime)'),
  async fault({ nodes }, round) {
    const node = nodes[round % 2]!
    await node.signal('SIGKILL')
    const offset = offsets[round % offsets.length]!
    // A server so far off need not become ready: it may refuse to serve, and must say so.
    const started = node.start({ LD_PRELOAD: (await library())!, FAKETIME: offset, DONT_FAKE_MONOTONIC: '1' })
    await Promise.race([started.catch(() => {}), delay(15_000)])
    await node.signal('SIGKILL')
    await started.catch(() => {})
  },
}

/** Load without a fault: memory and descriptors must not grow. */
export function soak(minutes: number): Scenario {
  const lines: string[] = []
  return {
    name: `load for ${minutes} min without a fault`,
    rounds: 1,
    async fault(world) {
      await delay(Math.min(30_000, minutes * 10_000))
      const before = await sizes(world)
      await delay(minutes * 60_000)
      const after = await sizes(world)
      lines.push(
        ...before.map(
          (was, n) => `${was.megabytes} → ${after[n]!.megabytes} MiB, ${was.files} → ${after[n]!.files} descriptors`,
        ),
      )
    },
    notes: () => lines.join('; '),
  }
}

const sizes = ({ nodes }: World) =>
  Promise.all(
    nodes.map(async (node) => {
      const status = await readFile(`/proc/${node.pid()}/status`, 'utf8')
      const kilobytes = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1])
      return { megabytes: Math.round(kilobytes / 1024), files: (await readdir(`/proc/${node.pid()}/fd`)).length }
    }),
  )
