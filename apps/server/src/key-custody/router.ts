import { SetRotationPolicyInput } from '@stewrd/core/key-custody/input.ts'
import { z } from 'zod'
import { editorProcedure, projectProcedure, router } from '../trpc/trpc.ts'
import type { RotationPolicy } from './service.ts'
import { rotationPolicy, setRotationPolicy } from './service.ts'

export const keyCustodyRouter = router({
  policy: projectProcedure
    .input(z.strictObject({ projectId: z.uuid() }))
    .query(({ ctx, input }): Promise<RotationPolicy> => rotationPolicy(ctx.platform, input.projectId)),
  setPolicy: editorProcedure
    .input(SetRotationPolicyInput)
    .mutation(
      ({ ctx, input }): Promise<RotationPolicy & { changed: boolean }> =>
        setRotationPolicy(ctx.platform, input, ctx.actor),
    ),
})
