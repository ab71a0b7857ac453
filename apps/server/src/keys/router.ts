import { line } from '@stewrd/core/kernel/text.ts'
import { z } from 'zod'
import { freshSessionProcedure, router, sessionProcedure } from '../trpc/trpc.ts'
import { rotateMaster } from './rotate-master.ts'
import { listKeys, retireKey } from './service.ts'

const Key = z.strictObject({ key: line(320, 'The key id') })

export const keysRouter = router({
  list: sessionProcedure.query(({ ctx }) => listKeys(ctx.platform)),
  /** Answers when it is done; `list` shows how far it is. */
  rotate: sessionProcedure.mutation(({ ctx }) => rotateMaster(ctx.platform, { actor: ctx.actor })),
  retire: freshSessionProcedure.input(Key).mutation(({ ctx, input }) => retireKey(ctx.platform, input.key, ctx.actor)),
})
