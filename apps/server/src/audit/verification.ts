import type { Verification } from '@stewrd/db/verify/last.ts'
import { lastVerification } from '@stewrd/db/verify/last.ts'
import type { ActorLabel } from '../auth/people.ts'
import { actorLabels } from '../auth/people.ts'
import type { Platform } from '../platform.ts'
import type { Verifying } from './verifier.ts'

/**
 * Whether the history was verified. `running`: how far one is on this node. `last`: what the last one found, on whichever node.
 * `failed`: the last one on this node could not be carried out. Times are unix milliseconds.
 */
export type HistoryVerification = {
  running: Verifying | null
  failed: boolean
  last: (Omit<Verification, 'actor'> & { by: ActorLabel }) | null
}

export async function verification({ verifier, sql, people }: Platform): Promise<HistoryVerification> {
  const { progress, failed } = verifier
  const stored = await lastVerification(sql)
  if (!stored) return { running: progress ?? null, failed: failed && !progress, last: null }
  const { actor, ...last } = stored
  const label = await actorLabels(people, [actor])
  return { running: progress ?? null, failed: failed && !progress, last: { ...last, by: label(actor) } }
}
