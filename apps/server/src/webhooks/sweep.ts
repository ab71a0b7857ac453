import { creditsStream } from '@stewrd/core/credits/credits.ts'
import { LOW_CREDITS } from '@stewrd/core/credits/month.ts'
import type { LlmRow } from '@stewrd/core/llm/llm.projection.ts'
import { llmStream } from '@stewrd/core/llm/llm.ts'
import { keyCustody, keyCustodyStream } from '@stewrd/core/key-custody/key-custody.ts'
import { webhooks, webhooksStream } from '@stewrd/core/webhooks/webhooks.ts'
import type { WebhookRow } from '@stewrd/core/webhooks/webhooks.projection.ts'
import { creditBalance, lastGiven } from '@stewrd/db/credits/ledger.ts'
import type { NewDelivery } from '@stewrd/db/webhooks/deliveries.ts'
import { dropOldDeliveries } from '@stewrd/db/webhooks/deliveries.ts'
import { webhookRowsDue } from '@stewrd/db/webhooks/rows.ts'
import { dueOf } from '../key-custody/service.ts'
import { shown } from '../kernel/change.ts'
import type { Platform } from '../platform.ts'
import { streamOf } from '../projects/project-of.ts'
import { newDelivery } from './due.ts'

const ACTOR = 'system:webhooks'
/** So long the list shows what was sent. */
const KEPT_DAYS = 30

type Sweeper = Pick<
  Platform,
  'accountId' | 'sql' | 'store' | 'views' | 'secrets' | 'clock' | 'now' | 'projector' | 'metering'
> & {
  add(due: readonly NewDelivery[]): Promise<void>
}

/** What comes with time and not with an event: ends of overlaps, keys that become overdue, credits that become low, old deliveries. Any server may, at once. */
export async function sweep(sweeper: Sweeper, onError: (error: unknown) => void): Promise<void> {
  const { sql, accountId, clock } = sweeper
  const now = await clock.dueTime(sql)
  for (const row of await webhookRowsDue(sql, accountId, clock.now())) {
    // One that fails keeps nothing back from the others.
    if (now !== undefined && row.overlapUntil !== null && row.overlapUntil <= now)
      await endOverlap(sweeper, row, now).catch(onError)
    if (row.events.includes('key.overdue')) await tellOverdue(sweeper, row).catch(onError)
    if (sweeper.metering && row.events.includes('credits.low')) await tellLow(sweeper, row).catch(onError)
  }
  if (now !== undefined) await dropOldDeliveries(sql, accountId, KEPT_DAYS)
}

/** The value is destroyed first and its end recorded after: both may be done again. */
async function endOverlap(sweeper: Sweeper, { projectId }: WebhookRow, now: number): Promise<void> {
  const stream = streamOf(sweeper, projectId, webhooksStream(projectId))
  const { state } = await sweeper.store.head(webhooks, stream)
  if (state.status !== 'set' || !state.previous || now < state.previous.until) return
  const { fingerprint, dekId } = state.previous.secret
  if (!(await sweeper.secrets.destroyKey(dekId))) return
  const meta = { commandId: `webhook-overlap:${dekId}`, actor: ACTOR }
  const { revision } = await sweeper.store.execute(webhooks, stream, { type: 'EndWebhookOverlap', fingerprint }, meta)
  await shown(sweeper, stream.stream, revision)
}

/** Once for each time that the account was given credits: the entry that gave them is the place in the ledger. */
async function tellLow(sweeper: Sweeper, { projectId }: WebhookRow): Promise<void> {
  const { sql, accountId } = sweeper
  const [{ total }, given] = await Promise.all([creditBalance(sql, accountId), lastGiven(sql, accountId)])
  if (total > LOW_CREDITS || given === 0) return
  const source = { stream: creditsStream(accountId).stream, seq: given }
  await sweeper.add([newDelivery(sweeper, projectId, 'credits.low', source)])
}

/** Once for each key: the moment since which it is in use stands where others have a place in a stream. */
async function tellOverdue(sweeper: Sweeper, { projectId }: WebhookRow): Promise<void> {
  const [row, { state }] = await Promise.all([
    sweeper.views.get<LlmRow>('llm', sweeper.accountId, projectId),
    sweeper.store.head(keyCustody, streamOf(sweeper, projectId, keyCustodyStream(projectId))),
  ])
  if (!row || dueOf(sweeper, row.keySetAt, state.maxAgeDays)?.status !== 'overdue') return
  const source = { stream: llmStream(projectId), seq: row.keySetAt }
  await sweeper.add([newDelivery(sweeper, projectId, 'key.overdue', source)])
}
