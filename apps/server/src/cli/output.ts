import { systemProblem } from '@stewrd/core/kernel/problem-words.ts'
import { EnvError } from '../env.ts'
import { explain } from '../kernel/explain.ts'

/** A command used wrongly: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export const exitCodes = { ok: 0, refused: 1, usage: 2, cut: 141 } as const

/** What the parser of arguments says, as one sentence. */
export function usageError(said: string): UsageError {
  const text = said
    .replace(/^error: /, '')
    .replaceAll(/\s+/g, ' ')
    .trim()
  if (text === '' || text.startsWith('(')) return new UsageError('Name a command. `stewrd --help` lists them.')
  const sentence = text.charAt(0).toUpperCase() + text.slice(1)
  return new UsageError(/[.?)]$/.test(sentence) ? sentence : `${sentence}.`)
}

/** Whoever reads the output may close it: the command ends, as by SIGPIPE. Output that cannot be written for another reason is an error. */
export function endWithOutput(): void {
  process.stdout.on('error', ({ code = '' }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE') process.exit(exitCodes.cut)
    process.stderr.write(`The output cannot be written. ${systemProblem(code) ?? code}\n`)
    process.exit(exitCodes.refused)
  })
  process.stderr.on('error', () => {})
}

/** One object on standard output: as JSON on one line, or as the given lines of text. */
export function print(json: boolean, value: object, text: () => string | readonly string[]): void {
  const lines = json ? [JSON.stringify(value)] : [text()].flat()
  for (const line of lines) process.stdout.write(`${line}\n`)
}

/** Says what went wrong on standard error, in words that can be acted on. Returns the exit code. */
export function fail(json: boolean, error: unknown): number {
  const { code, message } = explained(error)
  process.stderr.write(json ? `${JSON.stringify({ error: { code, message } })}\n` : `${message}\n`)
  return error instanceof UsageError || error instanceof EnvError ? exitCodes.usage : exitCodes.refused
}

const explained = (error: unknown) =>
  error instanceof UsageError ? { code: 'USAGE', message: error.message } : explain(error)

/** `2026-11-23 07:44:10` in UTC; a dash where there is no time. */
export const time = (ms: number | null | undefined) =>
  ms === null || ms === undefined ? '–' : new Date(ms).toISOString().slice(0, 19).replace('T', ' ')

export const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())

/** A redrawn line on a terminal, with rate and time left; nothing where standard error is not one. */
export function progressBar(label: string) {
  const shown = process.stderr.isTTY
  const began = performance.now()
  return {
    update(done: number, total: number) {
      if (!shown) return
      const share = total > 0 ? Math.min(1, done / total) : 1
      const bar = '█'.repeat(Math.round(share * 24)).padEnd(24, '░')
      const counts = `${done.toLocaleString('en')} of ${total.toLocaleString('en')}`
      process.stderr.write(`\r${label} ${bar} ${counts}${pace(done, total, performance.now() - began)}\u001B[K`)
    },
    end() {
      if (shown) process.stderr.write('\r\u001B[K')
    },
  }
}

/** Nothing before there is enough to tell from. */
function pace(done: number, total: number, ms: number): string {
  if (ms < 500 || done === 0) return ''
  const perSecond = (done * 1000) / ms
  return `, ${Math.round(perSecond).toLocaleString('en')} a second, ${Math.ceil((total - done) / perSecond)} s left`
}
