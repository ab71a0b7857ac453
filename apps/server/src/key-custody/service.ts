import type { RotationDue } from '@stewrd/core/audit/due.ts'
import { DEFAULT_MAX_AGE_DAYS, rotationDue } from '@stewrd/core/audit/due.ts'
import type { SetRotationPolicyInput } from '@stewrd/core/key-custody/input.ts'
import { keyCustody, keyCustodyStream } from '@stewrd/core/key-custody/key-custody.ts'
import type { z } from 'zod'
import { metaOf, shown } from '../kernel/change.ts'
import type { Platform } from '../platform.ts'
import { activeProject, streamOf } from '../projects/project-of.ts'

/** How old a project's key may become. `own`: ruled for this project; otherwise the deployment's rule holds. */
export type RotationPolicy = { maxAgeDays: number; own: boolean; revision: number }

export async function rotationPolicy(platform: Platform, projectId: string): Promise<RotationPolicy> {
  const stream = streamOf(platform, projectId, keyCustodyStream(projectId))
  const { revision, state } = await platform.store.head(keyCustody, stream)
  return policyOf(revision, state.maxAgeDays)
}

/** Rules how old a key may become, or withdraws the rule. Touches neither the configuration nor the runs. */
export async function setRotationPolicy(
  platform: Platform,
  { projectId, maxAgeDays, reason, ...change }: z.output<typeof SetRotationPolicyInput>,
  actor: string,
): Promise<RotationPolicy & { changed: boolean }> {
  await activeProject(platform, projectId)
  const stream = streamOf(platform, projectId, keyCustodyStream(projectId))
  const command = { type: 'SetRotationPolicy', maxAgeDays, ...(reason !== undefined && { reason }) } as const
  const { revision, state, events } = await platform.store.execute(keyCustody, stream, command, metaOf(change, actor))
  await shown(platform, stream.stream, revision)
  return { ...policyOf(revision, state.maxAgeDays), changed: events.length > 0 }
}

/** When a key that is in use since `keySetAt` has to be rotated; null when it is not known since when. */
export const dueOf = (
  platform: Pick<Platform, 'now'>,
  keySetAt: number | null | undefined,
  ruled: number | null,
): RotationDue | null => (typeof keySetAt === 'number' ? rotationDue(keySetAt, ruled, platform.now()) : null)

const policyOf = (revision: number, ruled: number | null): RotationPolicy => ({
  maxAgeDays: ruled ?? DEFAULT_MAX_AGE_DAYS,
  own: ruled !== null,
  revision,
})
