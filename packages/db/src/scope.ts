import type { Tx } from './connect.ts'

/** A project of an account; `*` for all of the account's. */
export type ScopeProject = { accountId: string; projectId: string }

/**
 * Whose rows a statement of the app's login sees and may write, by row-level security (ADR 0019). Without a scope it sees none.
 * `streams` narrows the heads further: needed where a statement is for several projects.
 */
export type Scope = {
  projects: readonly ScopeProject[]
  streams?: readonly { projectId: string; stream: string }[]
}

/** One project of an account. */
export const scopeOf = ({ accountId, projectId }: ScopeProject): Scope => ({ projects: [{ accountId, projectId }] })

/** Everything of an account: for what is asked of no project, or of several that are not known before. */
export const wholeAccount = (accountId: string): Scope => scopeOf({ accountId, projectId: '*' })

/** Of several projects: which stream is taken for whose. */
export function scopeOfStreams(ids: readonly (ScopeProject & { stream: string })[]): Scope {
  const projects = [...new Map(ids.map((id) => [`${id.accountId}/${id.projectId}`, id])).values()]
  return { projects, ...(projects.length > 1 && { streams: ids }) }
}

// Without rows, so that nothing but the query's own rows comes back.
const TEXT = `select 1 where set_config('stewrd.projects', $1, true) || set_config('stewrd.streams', $2, true) is null`

const valuesOf = ({ projects, streams }: Scope): string[] => [
  `{${projects.map((p) => `${p.accountId}/${p.projectId}`).join(',')}}`,
  streams ? `{${streams.map((s) => quoted(`${s.projectId}/${s.stream}`)).join(',')}}` : '',
]

const quoted = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`

/** The query in this scope. It is set in the query's own transaction and round trip, and ends with it. */
export function scoped<Q extends object>(query: Q, scope: Scope): Q {
  return Object.assign(query, { preamble: [TEXT, valuesOf(scope)] })
}

/** The rest of the transaction in this scope. */
export async function setScope(tx: Tx, scope: Scope): Promise<void> {
  await tx.unsafe(TEXT, valuesOf(scope), { prepare: true })
}
