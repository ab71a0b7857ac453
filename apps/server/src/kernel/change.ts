import { randomUUID } from 'node:crypto'
import type { CommandMeta } from '@stewrd/core/kernel/execute.ts'
import type { Platform } from '../platform.ts'

/** What every change may carry: an idempotency key, and the revision that its author was looking at. */
export type Change = { commandId?: string | undefined; expectedRevision?: number | undefined }

export const metaOf = ({ commandId, expectedRevision }: Change, actor: string): CommandMeta => ({
  commandId: commandId ?? randomUUID(),
  actor,
  ...(expectedRevision === undefined ? {} : { expectedRevision }),
})

/** Waits (at most 2 s) until lists show what was just appended, so that a page that reads again sees its own change. */
export async function shown(
  { accountId, projector }: Pick<Platform, 'accountId' | 'projector'>,
  stream: string,
  revision: number,
): Promise<void> {
  await projector.waitFor(accountId, stream, revision, { timeoutMs: 2000 })
}
