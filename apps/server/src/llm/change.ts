import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { CommandMeta, StreamId } from '@stewrd/core/kernel/execute.ts'
import type { LlmCommand } from '@stewrd/core/llm/commands.ts'
import type { Llm } from '@stewrd/core/llm/llm.ts'
import { llm, llmStream } from '@stewrd/core/llm/llm.ts'
import { dekIdsOf, retireDue } from '../key-custody/retire.ts'
import { metaOf, shown } from '../kernel/change.ts'
import type { Platform } from '../platform.ts'
import { activeProject, streamOf } from '../projects/project-of.ts'
import type { LlmCurrent } from './current.ts'
import { currentLlm } from './current.ts'

/** What a change led to. `changed` is false when everything was like that already; `warning` is for the person who made it. */
export type LlmChange = { revision: number; changed: boolean; warning: string | null; llm: LlmCurrent }

/** What every change of the configuration may carry. */
export type ChangeInput = {
  projectId: string
  reason?: string | undefined
  commandId?: string | undefined
  expectedRevision?: number | undefined
}

export async function begin(platform: Platform, input: ChangeInput, actor: string) {
  await activeProject(platform, input.projectId)
  const stream = streamOf(platform, input.projectId, llmStream(input.projectId))
  const reason = input.reason === undefined ? {} : { reason: input.reason }
  return { stream, reason, meta: metaOf(input, actor) }
}

/** Carries the change out, and destroys what it replaced. A key that was sealed for it and is not used after all is destroyed too. */
export async function finish(
  platform: Platform,
  stream: StreamId,
  command: LlmCommand,
  meta: CommandMeta,
  warning: string | null,
): Promise<LlmChange> {
  const sealed = 'key' in command ? command.key?.dekId : undefined
  const { revision, state, events } = await platform.store
    .execute(llm, stream, command, meta)
    .catch((error: unknown) => {
      // Refused is not written. After an outage it may be, so the key stays.
      if (error instanceof Refusal) discard(platform, sealed)
      throw error
    })
  if (sealed && !uses(state, sealed)) discard(platform, sealed)
  await shown(platform, stream.stream, revision)
  // Acknowledged whatever comes of this: what is left over is destroyed by the custodian.
  if (events.length > 0) await retireDue(platform, stream.projectId).catch(() => 0)
  return { revision, changed: events.length > 0, warning, llm: await currentLlm(platform, stream.projectId) }
}

const uses = (state: Llm, dekId: string) => dekIdsOf(state).includes(dekId)

/** In the background: nothing was sealed under it that is stored anywhere. */
export function discard({ secrets }: Platform, dekId: string | undefined): void {
  if (dekId !== undefined) secrets.destroyKey(dekId).catch(() => {})
}
