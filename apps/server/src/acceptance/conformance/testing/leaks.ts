import { contractErrors } from '@stewrd/core/runs/wire.ts'
import { builtDashboard } from '../../../kernel/dashboard.ts'

/** The checkout: where our own files lie. */
const checkout = builtDashboard.slice(0, builtDashboard.indexOf('/apps/'))

/** What must be in no answer and no log: keys, stacks, and where our files lie. */
export const leaksIn = (text: string, secrets: readonly string[]): string[] =>
  [...secrets, checkout, 'node_modules', 'node:internal', 'SELECT ', 'ZodError', 'PostgresError', 'FST_ERR']
    .filter((one) => text.includes(one))
    .concat(/\bat \S+ \(?(file:|\/)\S+:\d+:\d+/.exec(text)?.[0] ?? [])

type Told = { error?: { code?: unknown; message?: unknown } }

/** What is wrong with an answer of `/v1`, whatever was sent; undefined: nothing. */
export function wrongWith(status: number, body: string): string | undefined {
  // A range that a file does not have is answered as HTTP has it.
  if (status < 400 || (status === 416 && body === '')) return undefined
  let error: Told['error']
  try {
    ;({ error } = JSON.parse(body) as Told)
  } catch {
    return 'an error that is no JSON'
  }
  if (typeof error?.code !== 'string' || typeof error.message !== 'string') return 'an error of another shape'
  if (status >= 500) return `a ${status}`
  // The door for OpenAI's clients has its own statuses, and codes of the provider's.
  const known: Record<string, number> = { ...contractErrors }
  const expected = known[error.code]
  if (expected === undefined) return `an unknown code, ${error.code}`
  const openAi = error.code === 'model_not_found' || error.code === 'provider_quota_exceeded'
  return expected === status || openAi ? undefined : `${error.code} with ${status}`
}
