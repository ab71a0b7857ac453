import { changeMeta } from '@stewrd/core/kernel/text.ts'
import { z } from 'zod'
import { freshEditorProcedure, projectProcedure, router } from '../trpc/trpc.ts'
import type { ApiKeyCurrent, NewApiKey } from './service.ts'
import { currentApiKey, regenerateApiKey, revokeApiKey } from './service.ts'

const ProjectInput = z.strictObject({ projectId: z.uuid() })
const Change = ProjectInput.extend(changeMeta)

export const apiKeysRouter = router({
  current: projectProcedure
    .input(ProjectInput)
    .query(({ ctx, input }): Promise<ApiKeyCurrent> => currentApiKey(ctx.platform, input.projectId)),
  regenerate: freshEditorProcedure
    .input(Change)
    .mutation(
      ({ ctx, input }): Promise<NewApiKey> => regenerateApiKey(ctx.platform, input.projectId, input, ctx.actor),
    ),
  /** Also of an archived project: taking a right away is always possible. */
  revoke: projectProcedure
    .input(Change)
    .mutation(
      ({ ctx, input }): Promise<{ revision: number }> => revokeApiKey(ctx.platform, input.projectId, input, ctx.actor),
    ),
})
