import { z } from 'zod'
import { projectOf } from '../projects/project-of.ts'
import { router, sessionProcedure } from '../trpc/trpc.ts'
import type { UsageReport } from './service.ts'
import { usageReport } from './service.ts'

const MOST_MS = 400 * 86_400_000
const Time = z.int().min(0).max(8_640_000_000_000_000)

export const usageRouter = router({
  /** Of a project, or of the whole account. */
  report: sessionProcedure
    .meta({ slow: true })
    .input(
      z
        .strictObject({
          projectId: z.uuid().optional(),
          from: Time,
          to: Time,
          by: z.enum(['model', 'key', 'project']).default('model'),
        })
        .refine(({ from, to }) => from < to && to - from <= MOST_MS, 'must be a time of up to 400 days.'),
    )
    .query(async ({ ctx, input }): Promise<UsageReport> => {
      if (input.projectId !== undefined) await projectOf(ctx.platform, input.projectId)
      return usageReport(ctx.platform, input)
    }),
})
