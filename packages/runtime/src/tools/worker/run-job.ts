import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import pLimit from 'p-limit'
import { ToolError } from '../../loop/tool.ts'
import type { Job, JobResult, Reply } from './jobs.ts'

const main = fileURLToPath(new URL('./main.ts', import.meta.url))
// Not the whole checkout: the home, with its keyring, may lie in there.
const readable = ['node_modules', 'packages/runtime', 'packages/core'].map((folder) =>
  fileURLToPath(new URL(`../../../../../${folder}`, import.meta.url)),
)
const TIMEOUT_MS = 60_000
const HEAP_MB = 512
const atOnce = pLimit(Math.max(2, availableParallelism()))

/**
 * Reads files in a process of its own, which has no environment and may read nothing but this program: a file that makes a parser hang or
 * eat memory ends that process, and the model is told. Throws `ToolError`.
 */
export const runJob = <T extends Job['type']>(
  job: Extract<Job, { type: T }>,
  signal: AbortSignal,
  { timeoutMs = TIMEOUT_MS, heapMb = HEAP_MB }: { timeoutMs?: number; heapMb?: number } = {},
): Promise<JobResult[T]> => atOnce(() => inProcess<T>(job, signal, { timeoutMs, heapMb }))

function inProcess<T extends Job['type']>(
  job: Job,
  signal: AbortSignal,
  { timeoutMs, heapMb }: { timeoutMs: number; heapMb: number },
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
  child.once('exit', () =>
    reject(new ToolError('The file could not be read: it needs more memory than a tool may use.')),
  )
  child.send(job, (error) => error && reject(new ToolError('The file could not be read.')))
  return promise.finally(() => {
    clearTimeout(limit)
    signal.removeEventListener('abort', stop)
    child.kill('SIGKILL')
  })
}
