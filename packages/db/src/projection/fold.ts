import type { View } from '@stewrd/core/catalog.ts'
import { eventTypes } from '@stewrd/core/catalog.ts'
import { apiKeysStream } from '@stewrd/core/api-keys/api-keys.ts'
import type { Logged, Noun } from '@stewrd/core/kernel/event.ts'
import { pricesStream } from '@stewrd/core/prices/prices.ts'
import { creditsStream } from '@stewrd/core/credits/credits.ts'
import { keyCustodyStream } from '@stewrd/core/key-custody/key-custody.ts'
import { keyHealthStream } from '@stewrd/core/key-health/key-health.ts'
import { keyringStream } from '@stewrd/core/keyring/keyring.ts'
import { llmStream } from '@stewrd/core/llm/llm.ts'
import { projectStream } from '@stewrd/core/projects/projects.ts'
import { runStream } from '@stewrd/core/runs/runs.ts'
import { webhooksStream } from '@stewrd/core/webhooks/webhooks.ts'
import { fileStream } from '@stewrd/core/files/files.ts'
import { sessionStream } from '@stewrd/core/sessions/sessions.ts'
import type { Sql, Tx } from '../connect.ts'
import { run } from '../db-error.ts'
import type { Entry } from '../record.ts'

/** A view's rows in one slot, folded up to before `checkpoint`. No event is folded into the rows `setAside`, by `rowName`. */
export type Target = { view: View; slot: number; checkpoint: number; setAside?: ReadonlySet<string> }
export const rowName = (accountId: string, key: string) => `${accountId}/${key}`
/** A row that a batch changed; `row` undefined: it is gone. */
export type RowWrite = {
  view: string
  slot: number
  accountId: string
  key: string
  projectId: string
  sort: number
  row: object | undefined
}
/** `to` is the checkpoint after the batch: the end of it, or the place that could not be folded. `leftOut`: events of rows set aside. */
export type Folded = { target: Target; to: number; error?: string; leftOut: number }

type Touch = { target: Target; key: string; logged: Logged }

/** Folds entries up to before `to` into the rows of several views. A view that cannot go on stops there, alone. */
export async function foldBatch(
  sql: Sql | Tx,
  targets: readonly Target[],
  entries: readonly Entry[],
  to: number,
): Promise<{ folded: Folded[]; writes: RowWrite[] }> {
  const plans = targets.map((target) => plan(target, entries, to))
  const rows = await loadRows(
    sql,
    plans.flatMap((p) => p.touches),
  )
  const folded = plans.map(({ touches, result }) => evolveAll(touches, rows, result))
  return { folded, writes: [...rows.values()].filter((row) => row.dirty) }
}

/** The states of one row, event by event, from what is stored of it on. Ends where it cannot be folded. */
export async function* rowStates(
  sql: Sql | Tx,
  target: Target,
  entries: readonly Entry[],
  { accountId, key }: Pick<RowWrite, 'accountId' | 'key'>,
): AsyncGenerator<{ index: number; write: RowWrite }> {
  const { touches, result } = plan(target, entries, 0)
  const mine = touches.filter((t) => t.key === key && t.logged.accountId === accountId)
  const rows = await loadRows(sql, mine)
  for (const touch of mine) {
    if (evolveAll([touch], rows, { ...result, error: '' }).error) return
    for (const { dirty, ...write } of rows.values()) if (dirty) yield { index: touch.logged.index, write }
  }
}

function plan(target: Target, entries: readonly Entry[], to: number): { touches: Touch[]; result: Folded } {
  const touches: Touch[] = []
  let leftOut = 0
  for (const entry of entries) {
    if (entry.index < target.checkpoint || !concerns(target.view, entry)) continue
    // Its rows go when the project is shredded. A rebuild never makes them.
    if (entry.unreadable === 'SHREDDED') continue
    if (entry.unreadable)
      return { touches, result: { target, to: entry.index, error: `${entry.unreadable} at ${entry.index}`, leftOut } }
    const key = target.view.projection.key(entry)
    if (key === undefined) continue
    if (target.setAside?.has(rowName(entry.accountId, key))) leftOut++
    else touches.push({ target, key, logged: entry })
  }
  return { touches, result: { target, to: Math.max(target.checkpoint, to), leftOut } }
}

/** An event of a type that this program does not know concerns every view that reads its kind of stream. */
const concerns = ({ nouns }: View, { event, stream }: Entry) =>
  nouns.some(
    (noun) =>
      eventTypes[noun].includes(event.type) || (stream.startsWith(prefixes[noun]) && !knownTypes.has(event.type)),
  )

const knownTypes = new Set(Object.values(eventTypes).flat())
const prefixes: Record<Noun, string> = {
  projects: projectStream(''),
  llm: llmStream(''),
  'key-health': keyHealthStream(''),
  'api-keys': apiKeysStream(''),
  runs: runStream(''),
  sessions: sessionStream(''),
  files: fileStream(''),
  keyring: keyringStream('').stream,
  'key-custody': keyCustodyStream(''),
  webhooks: webhooksStream(''),
  credits: creditsStream('').stream,
  prices: pricesStream('').stream,
}

type LoadedRow = RowWrite & { dirty: boolean }

const nameOf = (view: string, slot: number, accountId: string, key: string) => `${view}\n${slot}\n${accountId}\n${key}`

async function loadRows(sql: Sql | Tx, touches: readonly Touch[]): Promise<Map<string, LoadedRow>> {
  const rows = new Map<string, LoadedRow>()
  for (const { target, key, logged } of touches) {
    const { view, slot } = { view: target.view.projection.name, slot: target.slot }
    const { accountId, projectId, index } = logged
    const name = nameOf(view, slot, accountId, key)
    if (!rows.has(name))
      rows.set(name, { view, slot, accountId, key, projectId, sort: index, row: undefined, dirty: false })
  }
  const wanted = [...rows.values()]
  if (wanted.length === 0) return rows
  // The first row from the key on: see `eventFrom` for why it is asked like this.
  const stored = await run(sql<Omit<LoadedRow, 'dirty'>[]>`
    select v.view, v.slot, v.account_id as "accountId", v.key, v.project_id as "projectId", v.sort, v.row
    from unnest(${wanted.map((w) => w.accountId)}::uuid[], ${wanted.map((w) => w.view)}::text[],
      ${wanted.map((w) => w.slot)}::smallint[], ${wanted.map((w) => w.key)}::text[]) as w(account_id, view, slot, key)
    join lateral (
      select * from view_rows v where (v.account_id, v.view, v.slot, v.key) >= (w.account_id, w.view, w.slot, w.key)
      order by v.account_id, v.view, v.slot, v.key limit 1
    ) v using (account_id, view, slot, key)`)
  for (const row of stored) rows.set(nameOf(row.view, row.slot, row.accountId, row.key), { ...row, dirty: false })
  return rows
}

function evolveAll(touches: readonly Touch[], rows: Map<string, LoadedRow>, result: Folded): Folded {
  for (const { target, key, logged } of touches) {
    const held = rows.get(nameOf(target.view.projection.name, target.slot, logged.accountId, key))!
    // It was recorded under another project than its stream's, and changes nothing there.
    if (held.row !== undefined && held.projectId !== logged.projectId) continue
    try {
      const next = target.view.projection.evolve(held.row, logged)
      if (next === held.row) continue
      // The event that makes a row gives it its place in lists.
      if (held.row === undefined) Object.assign(held, { sort: logged.index, projectId: logged.projectId })
      Object.assign(held, { row: next, dirty: true })
    } catch {
      return { ...result, to: logged.index, error: `FOLD_FAILED at ${logged.index}` }
    }
  }
  return result
}
