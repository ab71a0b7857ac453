import type { KeyCustodyEvent } from '../key-custody/events.ts'
import type { LlmEvent, ProviderRef, SealedKey } from '../llm/events.ts'
import type { KeyHealthEvent } from '../key-health/events.ts'
import type { Projection } from '../kernel/projection.ts'
import type { Logged } from '../kernel/event.ts'
import type { RunEvent } from '../runs/events.ts'

/** One period in which a project used one key. `to` is null while it is in use. Times are unix milliseconds. */
export type KeyPeriod = {
  fingerprint: string
  /** The data key that its value was sealed under. */
  dekId: string
  provider: ProviderRef
  /** How it came into use. */
  began: 'set' | 'rotated' | 'rolled back'
  from: number
  fromRevision: number
  to: number | null
  setBy: string
  replacedBy: string | null
  /** Why it was set, and why it was replaced. */
  reason: string | null
  replacedReason: string | null
  /** Runs that started on this key while it was in use, and (must be 0) after it was replaced, by order in the log. */
  runs: number
  runsAfterReplaced: number
  firstUsedAt: number | null
  lastUsedAt: number | null
  /** After it was replaced, runs could fall back to it: until when, when that ended, and how many did. */
  overlap: { until: number; endedAt: number | null } | null
  fallbackRuns: number
  /** When its sealed value was destroyed. */
  retiredAt: number | null
}

/** A rule about the maximum age of a key, in days; null: none of the project's own. */
export type PolicyChange = { from: number | null; to: number | null; at: number; by: string; reason: string | null }

export type RotationsRow = {
  projectId: string
  policies: readonly PolicyChange[]
  keys: readonly KeyPeriod[]
  /** Candidates that the provider refused. */
  rejected: readonly { fingerprint: string; at: number; status: number; source: string }[]
}

export type RotationsEvent = LlmEvent | RunEvent | KeyHealthEvent | KeyCustodyEvent

/** The life of every key of a project. Reads the log in order: a run is "after" a rotation only if it stands after it in the log. */
export const rotationsView: Projection<RotationsEvent, RotationsRow> = {
  name: 'rotations',
  version: 4,
  key: ({ event, projectId }) => (concerns(event) ? projectId : undefined),
  evolve(row = { projectId: '', policies: [], keys: [], rejected: [] }, logged) {
    const { event, projectId, at } = logged
    const base = { ...row, projectId }
    switch (event.type) {
      case 'ProviderSet':
        return {
          ...base,
          keys: [...closed(base.keys, logged), opened(logged, event.data.provider, event.data.key, 'set')],
        }
      case 'KeyRotated':
      case 'KeyRolledBack': {
        const place = base.keys.at(-1)?.provider ?? { provider: 'custom', baseUrl: '' }
        const began = event.type === 'KeyRotated' ? 'rotated' : 'rolled back'
        return { ...base, keys: [...closed(base.keys, logged), opened(logged, place, event.data.key, began)] }
      }
      case 'OverlapStarted':
        return { ...base, keys: overlapping(base.keys, event.data.key, event.data.until) }
      case 'OverlapEnded':
        return { ...base, keys: base.keys.map((key) => overlapEnded(key, at)) }
      case 'KeyRetired': {
        const { fingerprint, dekId } = event.data
        const mine = (key: KeyPeriod) => key.fingerprint === fingerprint && key.dekId === dekId
        return { ...base, keys: base.keys.map((key) => (mine(key) ? { ...key, retiredAt: at } : key)) }
      }
      case 'ProviderRemoved':
        return { ...base, keys: closed(base.keys, logged) }
      case 'RunStarted':
      case 'RunReconfigured':
        return event.data.keyFingerprint === null
          ? base
          : { ...base, keys: used(base.keys, event.data.keyFingerprint, at) }
      case 'KeyFellBack':
        return { ...base, keys: fellBack(base.keys, event.data.to, at) }
      case 'KeyRejected': {
        const { fingerprint, status, source } = event.data
        return { ...base, rejected: [...base.rejected, { fingerprint, at, status, source }] }
      }
      case 'RotationPolicySet': {
        const { from, to, reason = null } = event.data
        return { ...base, policies: [...base.policies, { from, to, at, by: logged.actor, reason }] }
      }
      default:
        return base
    }
  },
}

const concerned = new Set<RotationsEvent['type']>([
  'ProviderSet',
  'KeyRotated',
  'KeyRolledBack',
  'OverlapStarted',
  'OverlapEnded',
  'ProviderRemoved',
  'RunStarted',
  'RunReconfigured',
  'KeyFellBack',
  'KeyRejected',
  'RotationPolicySet',
  'KeyRetired',
])
const concerns = (event: RotationsEvent) =>
  concerned.has(event.type) && !('keyFingerprint' in event.data && event.data.keyFingerprint === null)

function opened(
  { event, at, seq, actor }: Logged<RotationsEvent>,
  provider: ProviderRef,
  { fingerprint, dekId }: SealedKey,
  began: KeyPeriod['began'],
): KeyPeriod {
  const unused = {
    to: null,
    replacedBy: null,
    replacedReason: null,
    runs: 0,
    runsAfterReplaced: 0,
    firstUsedAt: null,
    lastUsedAt: null,
  }
  const kept = { overlap: null, fallbackRuns: 0, retiredAt: null }
  return {
    fingerprint,
    dekId,
    provider,
    began,
    ...kept,
    from: at,
    fromRevision: seq,
    setBy: actor,
    reason: reasonOf(event),
    ...unused,
  }
}

const closed = (keys: readonly KeyPeriod[], { event, at, actor }: Logged<RotationsEvent>) =>
  keys.map((key) =>
    key.to === null
      ? { ...key, to: at, replacedBy: actor, replacedReason: reasonOf(event) }
      : // Only the key right before the one in use is ever a fallback.
        overlapEnded(key, at),
  )

/** The newest period of the key that was just replaced. */
function overlapping(keys: readonly KeyPeriod[], { fingerprint, dekId }: SealedKey, until: number): KeyPeriod[] {
  const nth = keys.findLastIndex((key) => key.fingerprint === fingerprint && key.dekId === dekId)
  return keys.map((key, i) => (i === nth ? { ...key, overlap: { until, endedAt: null } } : key))
}

const overlapEnded = (key: KeyPeriod, at: number): KeyPeriod =>
  key.overlap && key.overlap.endedAt === null ? { ...key, overlap: { ...key.overlap, endedAt: at } } : key

/** In an overlap the old key may be used, and is counted apart; without one it is a use after it was replaced. */
function fellBack(keys: readonly KeyPeriod[], fingerprint: string, at: number): KeyPeriod[] {
  const nth = keys.findLastIndex((key) => key.fingerprint === fingerprint)
  return keys.map((key, i) => {
    if (i !== nth) return key
    const allowed = key.overlap !== null && key.overlap.endedAt === null
    const count = allowed ? { fallbackRuns: key.fallbackRuns + 1 } : { runsAfterReplaced: key.runsAfterReplaced + 1 }
    return { ...key, ...count, firstUsedAt: key.firstUsedAt ?? at, lastUsedAt: at }
  })
}

const reasonOf = ({ data }: RotationsEvent) => ('reason' in data ? (data.reason ?? null) : null)

/** Counts a run for the newest period of its key. */
function used(keys: readonly KeyPeriod[], fingerprint: string, at: number): KeyPeriod[] {
  const nth = keys.findLastIndex((key) => key.fingerprint === fingerprint)
  return keys.map((key, i) => {
    if (i !== nth) return key
    const count = key.to === null ? { runs: key.runs + 1 } : { runsAfterReplaced: key.runsAfterReplaced + 1 }
    return { ...key, ...count, firstUsedAt: key.firstUsedAt ?? at, lastUsedAt: at }
  })
}
