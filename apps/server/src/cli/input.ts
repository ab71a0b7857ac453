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

const TIME = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z|[+-]\d\d:\d\d)?)?$/

/**
 * Unix milliseconds of a day (its beginning) or a time of ISO 8601, by UTC unless it names an offset, or of a number of milliseconds. Says
 * on standard error how `flag` was understood, so that nobody takes an hour for another.
 */
export function moment(given: string, flag: string): number {
  const ms = /^\d{13}$/.test(given) ? Number(given) : timeOf(given)
  if (Number.isNaN(ms))
    throw new UsageError(
      `"${given}" is not a time. Write it like 2026-11-23, 2026-11-23T14:30:00Z or 2026-11-23T15:30:00+01:00.`,
    )
  process.stderr.write(`${flag} is ${new Date(ms).toISOString()}\n`)
  return ms
}

function timeOf(given: string): number {
  const [, day, clock = '00:00', zone = 'Z'] = TIME.exec(given) ?? []
  if (day === undefined) return Number.NaN
  // A day that its month does not have would become one of the next.
  const exists = new Date(`${day}T00:00:00Z`)
  if (Number.isNaN(exists.getTime()) || !exists.toISOString().startsWith(day) || clock.startsWith('24'))
    return Number.NaN
  return Date.parse(`${day}T${clock}${zone}`)
}

/** Refuses by field name what the schema refuses. */
export function parse<T extends z.ZodType>(schema: T, given: unknown): z.output<T> {
  const parsed = schema.safeParse(given)
  if (parsed.success) return parsed.data
  const { path, message } = parsed.error.issues[0]!
  throw new Refusal('INVALID_INPUT', { field: path.join('.'), problem: message })
}
