import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Bed } from './bed.ts'
import { makeBed } from './bed.ts'
import type { Result } from './result.ts'
import { fillLog } from './streams.ts'

/** The most memory that reading and verifying a long history takes, against a short one. Each in a process of its own. */
export async function memory(short: number, long: number): Promise<Result[]> {
  const bed = await makeBed()
  try {
    const before = await measure(bed, short)
    const after = await measure(bed, long)
    return (['replay', 'verify'] as const).map((what) => ({
      name: `${what}, most memory, ${long.toLocaleString('en')} events`,
      measured: after[what],
      baseline: before[what],
      unit: 'MiB',
      ratio: after[what] / before[what],
      spread: null,
      note: `baseline: ${short.toLocaleString('en')} events`,
    }))
  } finally {
    await bed.close()
  }
}

async function measure(bed: Bed, events: number) {
  await fillLog(bed, events)
  return { replay: await peak(bed, 'replay', events), verify: await peak(bed, 'verify', events) }
}

async function peak({ url, home }: Bed, what: string, expected: number): Promise<number> {
  const env = { ...process.env, DATABASE_URL: url, STEWRD_HOME: home, STEWRD_BENCH_WHAT: what }
  // As `pnpm stewrd` starts its commands: what dies young is thrown away before it fills much.
  const args = ['--max-semi-space-size=4', join(import.meta.dirname, 'memory-process.ts')]
  const { stdout } = await promisify(execFile)(process.execPath, args, { env })
  const { events, bytes } = JSON.parse(stdout) as { events: number; bytes: number }
  if (events < expected) throw new Error(`${what} saw ${events} of ${expected} events.`)
  return bytes / 2 ** 20
}
