import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { Secret } from '@stewrd/crypto/secret.ts'
import { text } from 'node:stream/consumers'
import { z } from 'zod'
import { UsageError } from './output.ts'

/** A key or password from standard input: never an argument, which every user of the machine can see. One closing line break is dropped. */
export async function secretFromStdin(what: string): Promise<Secret> {
  if (process.stdin.isTTY) process.stderr.write(`Enter ${what}, then Ctrl-D on a new line:\n`)
  const entered = (await text(process.stdin)).replace(/\r?\n$/, '')
  if (!entered)
    throw new UsageError(`Standard input is empty. Give ${what} on it, for example: printf %s "$KEY" | stewrd …`)
  return new Secret(entered)
}

export function projectId(given: string): string {
  if (!z.uuid().safeParse(given).success)
    throw new UsageError(`"${given}" is not a project id. \`stewrd project list\` shows them.`)
  return given
}

export function runId(given: string): string {
  if (!z.uuid().safeParse(given).success)
    throw new UsageError(`"${given}" is not the id of a run. The answer of a run has it, and the runs page.`)
  return given
}

/** A whole number of at least 0. */
export function count(given: string): number {
  if (!/^\d{1,15}$/.test(given)) throw new UsageError(`"${given}" is not a whole number.`)
  return Number(given)
}

/** Minutes of `90`, `30m`, `1h` or `1.5h`. */
export function minutes(given: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(m|min|h)?$/.exec(given) ?? []
  if (amount === undefined) throw new UsageError(`"${given}" is not a length of time. Write it like 30m or 1h.`)
  return Math.round(Number(amount) * (unit === 'h' ? 60 : 1))
}

/** Unix milliseconds of a date, a date with time (UTC unless it says otherwise), or a number of milliseconds. */
export function moment(given: string): number {
  const ms = /^\d{10,}$/.test(given)
    ? Number(given)
    : Date.parse(/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?$/.test(given) ? `${given.replace(' ', 'T')}Z` : given)
  if (Number.isNaN(ms)) throw new UsageError(`"${given}" is not a time. Write it like 2026-11-23T14:30:00Z.`)
  return ms
}

/** Refuses by field name what the schema refuses. */
export function parse<T extends z.ZodType>(schema: T, given: unknown): z.output<T> {
  const parsed = schema.safeParse(given)
  if (parsed.success) return parsed.data
  const { path, message } = parsed.error.issues[0]!
  throw new Refusal('INVALID_INPUT', { field: path.join('.'), problem: message })
}
