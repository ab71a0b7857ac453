import type { HeldKeysRow } from '@stewrd/core/audit/held-keys.projection.ts'
import { heldKeysView } from '@stewrd/core/audit/held-keys.projection.ts'
import { keyCustody, keyCustodyStream } from '@stewrd/core/key-custody/key-custody.ts'
import type { Llm } from '@stewrd/core/llm/llm.ts'
import { llm, llmStream } from '@stewrd/core/llm/llm.ts'
import type { DatabaseClock } from '@stewrd/db/clock.ts'
import { dueHeldKeys } from '@stewrd/db/held-keys.ts'
import { shown } from '../kernel/change.ts'
import type { Platform } from '../platform.ts'
import { streamOf } from '../projects/project-of.ts'

const CUSTODIAN = 'system:custodian'

/** What destroying keys needs of the platform. */
export type Custody = Pick<Platform, 'accountId' | 'sql' | 'store' | 'views' | 'secrets' | 'projector'> & {
  clock: Pick<DatabaseClock, 'dueTime'>
}

/**
 * Ends overlaps whose time has come and destroys the values of replaced keys; in one project, or wherever something is due. Any number of
 * nodes may do it at once, and die in the middle: a value is destroyed first and recorded after, both as often as anybody likes. Returns
 * how many were destroyed.
 */
export async function retireDue(custody: Custody, projectId?: string): Promise<number> {
  const now = await custody.clock.dueTime(custody.sql)
  const rows =
    projectId === undefined && now !== undefined ? await dueHeldKeys(custody.sql, custody.accountId, now) : []
  const one = projectId && (await custody.views.get<HeldKeysRow>(heldKeysView.name, custody.accountId, projectId))
  let retired = 0
  for (const row of one ? [one] : rows) retired += await retireIn(custody, row, now)
  return retired
}

/** `now`: undefined when this node must not end an overlap. What a command replaced is destroyed all the same. */
async function retireIn(custody: Custody, { projectId, held }: HeldKeysRow, now: number | undefined): Promise<number> {
  const over =
    now !== undefined && held.some((key) => key.role === 'fallback' && key.until !== null && key.until <= now)
  const state = over ? await endOverlap(custody, projectId, now) : await newest(custody, projectId)
  // The stream has the last word: a key that it does not name is never named again, because every new one has a new data key.
  const needed = new Set(dekIdsOf(state))
  const gone = held.filter((key) => !needed.has(key.dekId))
  let retired = 0
  for (const { fingerprint, dekId } of gone) {
    if (!(await custody.secrets.destroyKey(dekId))) continue
    const stream = streamOf(custody, projectId, keyCustodyStream(projectId))
    const command = { type: 'RecordRetirement', fingerprint, dekId } as const
    const meta = { commandId: `retire:${dekId}:${fingerprint}`, actor: CUSTODIAN }
    const { repeated, revision } = await custody.store.execute(keyCustody, stream, command, meta)
    await shown(custody, stream.stream, revision)
    if (!repeated) retired += 1
  }
  return retired
}

const newest = async (custody: Custody, projectId: string): Promise<Llm> =>
  (await custody.store.head(llm, streamOf(custody, projectId, llmStream(projectId)))).state

async function endOverlap(custody: Custody, projectId: string, now: number): Promise<Llm> {
  const stream = streamOf(custody, projectId, llmStream(projectId))
  const before = await newest(custody, projectId)
  const until = before.status === 'own' ? before.fallback?.until : undefined
  if (until === undefined || now < until) return before
  const meta = { commandId: `overlap-end:${projectId}:${until}`, actor: CUSTODIAN }
  const command = { type: 'EndOverlap', now, early: false } as const
  const { state, revision } = await custody.store.execute(llm, stream, command, meta)
  await shown(custody, stream.stream, revision)
  return state
}

/** The data keys of all values that a configuration can still use. */
export const dekIdsOf = (state: Llm): string[] =>
  state.status === 'own'
    ? [state.key, state.staged, state.fallback?.key].flatMap((key) => (key ? [key.dekId] : []))
    : []
