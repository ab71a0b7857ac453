import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { ToolError } from '../../loop/tool.ts'
import { FairQueue } from './fair-queue.ts'
import type { Job, JobResult, Reply } from './jobs.ts'
import { watchMemory } from './resident.ts'

const main = fileURLToPath(new URL('./main.ts', import.meta.url))
// Not the whole checkout: the home, with its keyring, may lie in there.
const readable = ['node_modules', 'packages/runtime', 'packages/core'].map((folder) =>
  fileURLToPath(new URL(`../../../../../${folder}`, import.meta.url)),
)
const TIMEOUT_MS = 60_000
const HEAP_MB = 512
/** Memory of the process in all: buffers and SQLite are in no heap. */
const MEMORY_MB = 1024
/** One project may use every processor, and there is always a place besides, so that no other waits for all of its files. */
const queue = new FairQueue({ places: availableParallelism() + 1, mostWaiting: 30 })

type Limits = { timeoutMs?: number; heapMb?: number; memoryMb?: number }

/**
 * Reads files of a project in a process of its own, which has no environment and may read nothing but this program: a file that makes a
 * parser hang or eat memory ends that process, and the model is told. `job` is made when its turn comes: its files take no memory while it
 * waits. Throws `ToolError`.
 */
export function runJob<T extends Job['type']>(
  project: string,
  job: () => Promise<Extract<Job, { type: T }>>,
  signal: AbortSignal,
  { timeoutMs = TIMEOUT_MS, heapMb = HEAP_MB, memoryMb = MEMORY_MB }: Limits = {},
): Promise<JobResult[T]> {
  const done = queue.run(project, signal, async () =>
    inProcess<T>(await job(), signal, { timeoutMs, heapMb, memoryMb }),
  )
  if (done) return done
  throw new ToolError('Too many files of this project are waiting to be read. Try again in a minute.')
}

const needsMemory = () => new ToolError('The file could not be read: it needs more memory than a tool may use.')

function inProcess<T extends Job['type']>(
  job: Job,
  signal: AbortSignal,
  { timeoutMs, heapMb, memoryMb }: Required<Limits>,
): Promise<JobResult[T]> {
  signal.throwIfAborted()
  const child = fork(main, [], {
    env: {},
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    execArgv: [
      '--permission',
      ...readable.map((folder) => `--allow-fs-read=${folder}`),
      `--max-old-space-size=${heapMb}`,
      '--no-warnings',
    ],
    killSignal: 'SIGKILL',
  })
  const { promise, resolve, reject } = Promise.withResolvers<JobResult[T]>()
  const limit = setTimeout(() => {
    reject(new ToolError(`Reading took longer than ${timeoutMs / 1000} seconds and was stopped.`))
  }, timeoutMs)
  const stop = () => reject(signal.reason as Error)
  signal.addEventListener('abort', stop)
  child.once('message', (reply: Reply<T>) =>
    'result' in reply ? resolve(reply.result) : reject(new ToolError(reply.refused)),
  )
  child.once('error', () => reject(new ToolError('The file could not be read.')))
  child.once('exit', () => reject(needsMemory()))
  const unwatch = child.pid === undefined ? () => {} : watchMemory(child.pid, memoryMb, () => reject(needsMemory()))
  child.send(job, (error) => error && reject(new ToolError('The file could not be read.')))
  return promise.finally(() => {
    clearTimeout(limit)
    unwatch()
    signal.removeEventListener('abort', stop)
    child.kill('SIGKILL')
  })
}
