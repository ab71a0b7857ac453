import type { AnyEvent } from '@stewrd/core/catalog.ts'
import { LOW_CREDITS } from '@stewrd/core/credits/month.ts'
import type { LlmRow } from '@stewrd/core/llm/llm.projection.ts'
import type { RunEvent } from '@stewrd/core/runs/events.ts'
import { runStream } from '@stewrd/core/runs/runs.ts'
import { keyCustody, keyCustodyStream } from '@stewrd/core/key-custody/key-custody.ts'
import { NO_PLAN } from '@stewrd/core/kernel/plan.ts'
import { projects, projectStream } from '@stewrd/core/projects/projects.ts'
import { creditBalance } from '@stewrd/db/credits/ledger.ts'
import type { Delivery } from '@stewrd/db/webhooks/deliveries.ts'
import { dueOf } from '../key-custody/service.ts'
import type { Platform } from '../platform.ts'
import { streamOf } from '../projects/project-of.ts'
import { answerBody, readRun } from '../runs/answer-body.ts'
import { runLimits } from '../runs/deps.ts'

/** What making a payload needs of the platform. */
export type PayloadSource = Pick<Platform, 'accountId' | 'sql' | 'store' | 'views' | 'now' | 'files'>
export type Payload = { event: string; id: string } & Record<string, unknown>

/** What is sent, made anew from the stream that it tells of; undefined when that has nothing (any more) to tell. */
export async function payloadOf(source: PayloadSource, delivery: Delivery): Promise<Payload | undefined> {
  const { event } = delivery
  if (!delivery.source) return testPayload(source, delivery)
  switch (event) {
    case 'agent.completed':
    case 'agent.failed':
      return runPayload(source, delivery, delivery.source.stream)
    case 'key.rejected':
      return keyRejected(source, delivery, delivery.source)
    case 'key.overdue':
      return keyOverdue(source, delivery)
    case 'credits.low':
      return creditsLow(source, delivery)
    default:
      return undefined
  }
}

/** As the project is now. One that is gone has no plan any more. */
async function metaOf(source: PayloadSource, projectId: string) {
  const { state } = await source.store.head(projects, streamOf(source, projectId, projectStream(projectId)))
  return { project_id: projectId, plan: (state.status !== 'none' && state.plan?.name) || NO_PLAN }
}

/** What `GET /v1/agent/{id}` answers, as much of it as a webhook tells. */
async function runPayload(source: PayloadSource, { event, projectId }: Delivery, stream: string) {
  const events = (await eventsOf(source, projectId, stream)) as RunEvent[]
  const run = readRun(stream.slice(runStream('').length), projectId, events)
  if (!run) return undefined
  const { id, object, session_id, message, error, capabilities_used, files, usage, meta } = answerBody(run, {
    node: '',
    fileUrl: (id, name) => source.files.base + source.files.urls.path(id, name),
    limits: runLimits,
  })
  return {
    event,
    id,
    object,
    ...(session_id !== undefined && { session_id }),
    ...(event === 'agent.failed' ? { error } : { message }),
    capabilities_used,
    files,
    usage: { tokens_used: usage.tokens_used },
    meta: { duration_ms: meta.duration_ms, project_id: projectId, plan: meta.plan },
  }
}

async function keyRejected(
  source: PayloadSource,
  { event, id, projectId }: Delivery,
  of: { stream: string; seq: number },
) {
  const [first] = await eventsOf(source, projectId, of.stream, of.seq - 1)
  if (first?.type !== 'KeyRejected') return undefined
  const { fingerprint, status, reason } = first.data
  return { event, id, object: 'key', key: { fingerprint, status, reason }, meta: await metaOf(source, projectId) }
}

async function keyOverdue(source: PayloadSource, { event, id, projectId }: Delivery) {
  const custody = streamOf(source, projectId, keyCustodyStream(projectId))
  const [row, { state }] = await Promise.all([
    source.views.get<LlmRow>('llm', source.accountId, projectId),
    source.store.head(keyCustody, custody),
  ])
  const due = dueOf(source, row?.keySetAt, state.maxAgeDays)
  // Rotated meanwhile: there is nothing to say any more.
  if (!row || due?.status !== 'overdue') return undefined
  const times = { set_at: unix(row.keySetAt), due_at: unix(due.dueAt), max_age_days: due.maxAgeDays }
  return {
    event,
    id,
    object: 'key',
    key: { fingerprint: row.keyFingerprint, ...times },
    meta: await metaOf(source, projectId),
  }
}

/** Given more meanwhile, there is nothing to say any more. */
async function creditsLow(source: PayloadSource, { event, id, projectId }: Delivery) {
  const { sql, accountId } = source
  const { total, free, paid, renewsAt } = await creditBalance(sql, accountId)
  if (total > LOW_CREDITS) return undefined
  const credits = { remaining: total, free, granted: paid, free_renew_at: unix(renewsAt) }
  return { event, id, object: 'credits', credits, meta: await metaOf(source, projectId) }
}

/** Of the same shape as `agent.completed`, under a name that no receiver acts upon. */
const testPayload = async (source: PayloadSource, { id, event, projectId }: Delivery): Promise<Payload> => ({
  event,
  id,
  object: 'agent.response',
  message: 'This is a test of your webhook. No run stands behind it.',
  capabilities_used: ['chat'],
  files: [],
  usage: { tokens_used: 0 },
  meta: { duration_ms: 0, ...(await metaOf(source, projectId)) },
})

async function eventsOf(source: PayloadSource, projectId: string, stream: string, after = 0): Promise<AnyEvent[]> {
  const recorded = await source.store.read(streamOf(source, projectId, stream), { after })
  return recorded.filter((one) => one.projectId === projectId).map(({ event }) => event)
}

const unix = (ms: number) => Math.floor(ms / 1000)
