import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

const POLL_MS = process.platform === 'linux' ? 100 : 500

/** Calls `tooLarge` once the process holds more than `mostMb` of memory: also such as no limit of a heap counts. Returns what ends the watch. */
export function watchMemory(pid: number, mostMb: number, tooLarge: () => void): () => void {
  let watching = true
  const look = async () => {
    const held = await residentMb(pid).catch(() => 0)
    if (!watching) return
    if (held > mostMb) tooLarge()
    else timer = setTimeout(() => void look(), POLL_MS)
  }
  let timer = setTimeout(() => void look(), POLL_MS)
  return () => {
    watching = false
    clearTimeout(timer)
  }
}

async function residentMb(pid: number): Promise<number> {
  if (process.platform === 'linux')
    return Number(/^VmRSS:\s*(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)])
  return Number(stdout.trim()) / 1024
}
