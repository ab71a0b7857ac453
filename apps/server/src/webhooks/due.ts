import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { OptInEvent } from '@stewrd/core/webhooks/events.ts'
import type { Webhooks } from '@stewrd/core/webhooks/webhooks.ts'
import { webhooks, webhooksStream } from '@stewrd/core/webhooks/webhooks.ts'
import { EnvelopeError } from '@stewrd/crypto/gcm.ts'
import { DataKeyMissing } from '@stewrd/db/data-keys.ts'
import type { NewDelivery } from '@stewrd/db/webhooks/deliveries.ts'
import type { Occurrence } from '@stewrd/db/webhooks/outlet.ts'
import { newId } from '@stewrd/db/new-id.ts'
import type { Platform } from '../platform.ts'
import { streamOf } from '../projects/project-of.ts'

type Reader = Pick<Platform, 'accountId' | 'store' | 'now'>

/** The name under which an event of the log is told to a receiver. */
const tellsOf = {
  RunCompleted: 'agent.completed',
  RunFailed: 'agent.failed',
  KeyRejected: 'key.rejected',
} as const
export const toldTypes = Object.keys(tellsOf)

/** What has to be sent of these: to projects that have a webhook now, and asked for this event. */
export async function dueDeliveries(reader: Reader, occurrences: readonly Occurrence[]): Promise<NewDelivery[]> {
  const states = new Map<string, Webhooks>()
  for (const { projectId } of occurrences)
    if (!states.has(projectId)) states.set(projectId, await webhookOf(reader, projectId))
  return occurrences.flatMap(({ projectId, stream, seq, type }) => {
    const event = tellsOf[type as keyof typeof tellsOf]
    return wants(states.get(projectId)!, event) ? [newDelivery(reader, projectId, event, { stream, seq })] : []
  })
}

/** UUIDv7: ids of deliveries sort by time. `source` null: a test. */
export const newDelivery = (
  { now }: Pick<Platform, 'now'>,
  projectId: string,
  event: string,
  source: NewDelivery['source'],
): NewDelivery => ({ id: newId(now()), projectId, event, source })

export const wants = (state: Webhooks, event: 'agent.completed' | OptInEvent) =>
  state.status === 'set' && (event === 'agent.completed' || state.events.includes(event))

/** One project that cannot be read keeps nothing back from the others. */
async function webhookOf(reader: Reader, projectId: string): Promise<Webhooks> {
  try {
    return (await reader.store.head(webhooks, streamOf(reader, projectId, webhooksStream(projectId)))).state
  } catch (error) {
    const lost = error instanceof Refusal || error instanceof EnvelopeError || error instanceof DataKeyMissing
    if (!lost) throw error
    return { status: 'none' }
  }
}
