import { z } from 'zod'
import { router, sessionProcedure } from '../trpc/trpc.ts'
import type { CreditsNow, EntryPage } from './service.ts'
import { creditsNow, entryPage } from './service.ts'

export const creditsRouter = router({
  balance: sessionProcedure.query(({ ctx }): Promise<CreditsNow> => creditsNow(ctx.platform)),
  entries: sessionProcedure
    .input(
      z.strictObject({
        cursor: z.int().min(0).nullish(),
        limit: z.int().min(1).max(200).default(25),
        // Infinite queries of the client send it along.
        direction: z.enum(['forward', 'backward']).optional(),
      }),
    )
    .query(({ ctx, input }): Promise<EntryPage> => entryPage(ctx.platform, input)),
})
