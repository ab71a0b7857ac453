import {
  ActivateKeyInput,
  BaseUrl,
  ChangeModelInput,
  RemoveProviderInput,
  RestoreInput,
  RotateKeyInput,
  RotationStepInput,
  SetProviderInput,
  StageKeyInput,
} from '@stewrd/core/llm/input.ts'
import { ModelId } from '@stewrd/core/llm/events.ts'
import { providerIds } from '@stewrd/core/llm/providers.ts'
import { Text } from '@stewrd/core/kernel/text.ts'
import { z } from 'zod'
import { editorProcedure, projectProcedure, router } from '../trpc/trpc.ts'
import type { KeyTest, ModelList } from './check.ts'
import { listModels, testKey } from './check.ts'
import type { LlmCurrent } from './current.ts'
import { currentLlm } from './current.ts'
import type { LlmChange } from './change.ts'
import { restoreConfig } from './restore.ts'
import type { Restored } from './restore.ts'
import { activateKey, endOverlap, rollBackKey, rotateKey, stageKey, unstageKey } from './rotation.ts'
import { changeModel, removeProvider, setProvider } from './service.ts'

const ProjectInput = z.strictObject({ projectId: z.uuid() })
/** A form as it stands. What is left out is as stored. */
const PlaceInput = ProjectInput.extend({
  provider: z.enum(providerIds).optional(),
  baseUrl: BaseUrl.optional(),
  key: Text.max(2000).optional(),
  model: ModelId.optional(),
})

export const llmRouter = router({
  current: projectProcedure
    .input(ProjectInput)
    .query(({ ctx, input }): Promise<LlmCurrent> => currentLlm(ctx.platform, input.projectId)),
  set: editorProcedure
    .input(SetProviderInput)
    .mutation(({ ctx, input }): Promise<LlmChange> => setProvider(ctx.platform, input, ctx.actor)),
  rotate: editorProcedure
    .input(RotateKeyInput)
    .mutation(({ ctx, input }): Promise<LlmChange> => rotateKey(ctx.platform, input, ctx.actor)),
  stage: editorProcedure
    .input(StageKeyInput)
    .mutation(({ ctx, input }): Promise<LlmChange> => stageKey(ctx.platform, input, ctx.actor)),
  activate: editorProcedure
    .input(ActivateKeyInput)
    .mutation(({ ctx, input }): Promise<LlmChange> => activateKey(ctx.platform, input, ctx.actor)),
  unstage: editorProcedure
    .input(RotationStepInput)
    .mutation(({ ctx, input }): Promise<LlmChange> => unstageKey(ctx.platform, input, ctx.actor)),
  rollBack: editorProcedure
    .input(RotationStepInput)
    .mutation(({ ctx, input }): Promise<LlmChange> => rollBackKey(ctx.platform, input, ctx.actor)),
  endOverlap: editorProcedure
    .input(RotationStepInput)
    .mutation(({ ctx, input }): Promise<LlmChange> => endOverlap(ctx.platform, input, ctx.actor)),
  /** Goes back to an earlier revision, as new events. The key of then only while its value exists. */
  restore: editorProcedure
    .input(RestoreInput)
    .mutation(({ ctx, input }): Promise<Restored> => restoreConfig(ctx.platform, input, ctx.actor)),
  changeModel: editorProcedure
    .input(ChangeModelInput)
    .mutation(({ ctx, input }): Promise<LlmChange> => changeModel(ctx.platform, input, ctx.actor)),
  remove: editorProcedure
    .input(RemoveProviderInput)
    .mutation(({ ctx, input }): Promise<LlmChange> => removeProvider(ctx.platform, input, ctx.actor)),
  /** Tests what a form holds before it is saved; without `key` (or with a mask) the stored key. A mutation: a key must not be in a URL. */
  test: editorProcedure
    .input(PlaceInput)
    .mutation(({ ctx, input }): Promise<KeyTest> => testKey(ctx.platform, input, ctx.actor)),
  /** A mutation like `test`, and for the same reason. */
  models: editorProcedure
    .input(PlaceInput)
    .mutation(({ ctx, input }): Promise<ModelList> => listModels(ctx.platform, input)),
})
