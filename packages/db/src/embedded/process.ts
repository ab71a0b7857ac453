import { readFile } from 'node:fs/promises'

/** A process by pid and, where the system tells, by when it started: a pid alone is soon somebody else's. */
export type ProcessRef = { pid: number; startedAt: string | null }

export const thisProcess = async (): Promise<ProcessRef> => ({
  pid: process.pid,
  startedAt: (await startTime(process.pid)) ?? null,
})

export async function isAlive({ pid, startedAt }: ProcessRef): Promise<boolean> {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false
  }
  const now = await startTime(pid)
  return now === undefined ? false : startedAt === null || now === null || now === startedAt
}

/** Field 22 of /proc/<pid>/stat; null where there is no /proc; undefined when the process is gone, or only waits to be reaped. */
async function startTime(pid: number): Promise<string | null | undefined> {
  if (process.platform !== 'linux') return null
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    // The command name is in parentheses and may hold anything; the fields after it start with the state.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch {
    return undefined
  }
}
