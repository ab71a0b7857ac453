import type { RotationDue } from '@stewrd/core/audit/due.ts'
import { keyCustody, keyCustodyStream } from '@stewrd/core/key-custody/key-custody.ts'
import type { Head } from '@stewrd/core/kernel/decider.ts'
import type { Health } from '@stewrd/core/key-health/key-health.ts'
import type { KeyHealthRow } from '@stewrd/core/key-health/key-health.projection.ts'
import { keyHealthRowKey } from '@stewrd/core/key-health/key-health.projection.ts'
import type { LlmEvent } from '@stewrd/core/llm/events.ts'
import type { Llm } from '@stewrd/core/llm/llm.ts'
import { llm, llmStream } from '@stewrd/core/llm/llm.ts'
import type { LlmRow } from '@stewrd/core/llm/llm.projection.ts'
import { llmView } from '@stewrd/core/llm/llm.projection.ts'
import type { ProviderId } from '@stewrd/core/llm/providers.ts'
import type { RotationsRow } from '@stewrd/core/audit/rotations.projection.ts'
import type { Recorded } from '@stewrd/core/kernel/event.ts'
import type { ActorLabel } from '../auth/people.ts'
import { actorLabels } from '../auth/people.ts'
import type { Platform } from '../platform.ts'
import type { Fallback } from '../fallback.ts'
import { dueOf } from '../key-custody/service.ts'
import { streamOf } from '../projects/project-of.ts'

export type KeyHealthNow = {
  status: Health | 'unchecked'
  reason: string | null
  checkedAt: number | null
  latencyMs: number | null
}

/**
 * What a project's runs use now. `own`: its own key; `default`: the deployment's; `demo`: the built-in demo model; `none`: it cannot
 * run. Never the key. Times are unix milliseconds; `revision` is 0 until something was set.
 */
export type LlmCurrent = {
  status: 'own' | 'default' | 'demo' | 'none'
  provider: ProviderId | null
  baseUrl: string | null
  model: string | null
  hasProviderKey: boolean
  keyFingerprint: string | null
  keySetAt: number | null
  keySetBy: ActorLabel | null
  lastUsedAt: number | null
  /** A key that was staged, and what the provider said of it. */
  staged: { fingerprint: string; health: KeyHealthNow } | null
  /** The old key, to which runs fall back until `until` when the provider answers 401 to the one in use. */
  fallback: { fingerprint: string; until: number } | null
  /** When the key has to be rotated; null without a key of its own. */
  rotation: RotationDue | null
  revision: number
  changedAt: number | null
  changedBy: ActorLabel | null
  health: KeyHealthNow
}

/** Read from the stream's head, so always as new as the last event. */
export async function currentLlm(platform: Platform, projectId: string): Promise<LlmCurrent> {
  const [head, custody] = await Promise.all([
    platform.store.head(llm, streamOf(platform, projectId, llmStream(projectId))),
    platform.store.head(keyCustody, streamOf(platform, projectId, keyCustodyStream(projectId))),
  ])
  if (head.state.status === 'default') return notOwn(platform, projectId, head.revision)
  const { provider, model, key, staged, fallback } = head.state
  const [row, health, stagedHealth, used] = await Promise.all([
    rowAt(platform, projectId, head),
    platform.views.get<KeyHealthRow>('key-health', platform.accountId, keyHealthRowKey(projectId, key.fingerprint)),
    staged &&
      platform.views.get<KeyHealthRow>(
        'key-health',
        platform.accountId,
        keyHealthRowKey(projectId, staged.fingerprint),
      ),
    platform.views.get<RotationsRow>('rotations', platform.accountId, projectId),
  ])
  const label = await actorLabels(platform.people, row ? [row.keySetBy, row.changedBy] : [])
  return {
    status: 'own',
    provider: provider.provider,
    baseUrl: provider.baseUrl,
    model,
    hasProviderKey: true,
    keyFingerprint: key.fingerprint,
    keySetAt: row?.keySetAt ?? null,
    keySetBy: row ? label(row.keySetBy) : null,
    lastUsedAt: lastUse(used, key.fingerprint),
    staged: staged ? { fingerprint: staged.fingerprint, health: healthNow(stagedHealth) } : null,
    fallback: fallback ? { fingerprint: fallback.key.fingerprint, until: fallback.until } : null,
    rotation: dueOf(platform, row?.keySetAt, custody.state.maxAgeDays),
    revision: head.revision,
    changedAt: row?.changedAt ?? null,
    changedBy: row ? label(row.changedBy) : null,
    health: healthNow(health),
  }
}

export const healthNow = (row: KeyHealthRow | undefined): KeyHealthNow =>
  row
    ? { status: row.health, reason: row.reason, checkedAt: row.checkedAt, latencyMs: row.latencyMs }
    : { status: 'unchecked', reason: null, checkedAt: null, latencyMs: null }

/** The configuration of a project without its own, before who and when. */
export const fallbackLlm = (fallback: Fallback) =>
  fallback.source === 'none'
    ? { status: 'none' as const, provider: null, baseUrl: null, model: null }
    : {
        status: fallback.source,
        provider: fallback.provider.provider,
        baseUrl: fallback.source === 'demo' ? null : fallback.provider.baseUrl,
        model: fallback.model,
      }

async function notOwn(platform: Platform, projectId: string, revision: number): Promise<LlmCurrent> {
  const stream = streamOf(platform, projectId, llmStream(projectId))
  const last = revision === 0 ? undefined : (await platform.store.read(stream, { after: revision - 1 })).at(-1)
  const label = await actorLabels(platform.people, last ? [last.actor] : [])
  return {
    ...fallbackLlm(platform.fallback),
    hasProviderKey: false,
    keyFingerprint: null,
    keySetAt: null,
    keySetBy: null,
    lastUsedAt: null,
    staged: null,
    fallback: null,
    rotation: null,
    revision,
    changedAt: last?.at ?? null,
    changedBy: last ? label(last.actor) : null,
    health: healthNow(undefined),
  }
}

/** The view's row, brought up to the head by folding what the projector has not seen yet. */
async function rowAt(platform: Platform, projectId: string, head: Head<Llm>): Promise<LlmRow | undefined> {
  const row = await platform.views.get<LlmRow>('llm', platform.accountId, projectId)
  if (row && row.revision >= head.revision) return row
  const missed = await platform.store.read(streamOf(platform, projectId, llmStream(projectId)), {
    after: row?.revision ?? 0,
  })
  return (missed as Recorded<LlmEvent>[]).reduce(
    (folded, recorded) => llmView.evolve(folded, { ...recorded, index: 0 }),
    row,
  )
}

const lastUse = (row: RotationsRow | undefined, fingerprint: string) =>
  row?.keys.findLast((k) => k.fingerprint === fingerprint)?.lastUsedAt ?? null
