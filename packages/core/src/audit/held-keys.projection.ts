import type { KeyCustodyEvent } from '../key-custody/events.ts'
import type { Logged } from '../kernel/event.ts'
import type { Projection } from '../kernel/projection.ts'
import type { LlmEvent, SealedKey } from '../llm/events.ts'

/** A sealed value that still exists. `since`: in this role; `until`: of a fallback, unix ms. */
export type HeldKey = {
  fingerprint: string
  dekId: string
  role: 'active' | 'staged' | 'fallback' | 'replaced'
  since: number
  until: number | null
}
/** `dueAt`: when the next of them is to be destroyed (unix ms); null while none is. */
export type HeldKeysRow = { projectId: string; held: readonly HeldKey[]; dueAt: number | null }

type HeldKeysEvent = LlmEvent | KeyCustodyEvent

/** Every sealed provider key of a project that was not destroyed yet, and what it is kept for: the work list of who destroys them. */
export const heldKeysView: Projection<HeldKeysEvent, HeldKeysRow> = {
  name: 'held-keys',
  version: 1,
  key: ({ event, projectId }) =>
    event.type === 'RotationPolicySet' || event.type === 'ModelChanged' ? undefined : projectId,
  evolve(row, logged) {
    const held = after(row?.held ?? [], logged)
    return { projectId: logged.projectId, held, dueAt: dueAt(held) }
  },
}

function after(held: readonly HeldKey[], { event, at }: Logged<HeldKeysEvent>): readonly HeldKey[] {
  switch (event.type) {
    case 'ProviderSet':
      return put(replaced(held, at, 'active', 'fallback', 'staged'), event.data.key, 'active', at)
    case 'KeyRotated':
    case 'KeyRolledBack':
      return put(replaced(held, at, 'active', 'fallback'), event.data.key, 'active', at)
    case 'OverlapStarted':
      return put(held, event.data.key, 'fallback', at, event.data.until)
    case 'OverlapEnded':
      return replaced(held, at, 'fallback')
    case 'KeyStaged':
      return put(replaced(held, at, 'staged'), event.data.key, 'staged', at)
    case 'KeyUnstaged':
      return replaced(held, at, 'staged')
    case 'ProviderRemoved':
      return replaced(held, at, 'active', 'fallback', 'staged')
    case 'KeyRetired':
      return held.filter((key) => !same(key, event.data))
    default:
      return held
  }
}

const same = (a: { fingerprint: string; dekId: string }, b: { fingerprint: string; dekId: string }) =>
  a.fingerprint === b.fingerprint && a.dekId === b.dekId

const replaced = (held: readonly HeldKey[], since: number, ...roles: HeldKey['role'][]): HeldKey[] =>
  held.map((key) => (roles.includes(key.role) ? { ...key, role: 'replaced', since, until: null } : key))

const put = (
  held: readonly HeldKey[],
  { fingerprint, dekId }: SealedKey,
  role: HeldKey['role'],
  since: number,
  until: number | null = null,
): HeldKey[] => {
  const key = { fingerprint, dekId, role, since, until }
  return [...held.filter((other) => !same(other, key)), key]
}

/** Keys that were sealed before each had a data key of its own may share it with one that is needed: they wait for that one. */
function dueAt(held: readonly HeldKey[]): number | null {
  const needed = new Set(held.filter((key) => key.role !== 'replaced').map((key) => key.dekId))
  const due = held.flatMap((key) => {
    if (key.role === 'fallback' && key.until !== null) return [key.until]
    return key.role === 'replaced' && !needed.has(key.dekId) ? [key.since] : []
  })
  return due.length ? Math.min(...due) : null
}
