import { z } from 'zod'
import { projectOf } from '../projects/project-of.ts'
import { router, sessionProcedure } from '../trpc/trpc.ts'
import type { UsageReport } from './service.ts'
import { usageReport } from './service.ts'

const MOST_MS = 400 * 86_400_000
const Time = z.int().min(0).max(8_640_000_000_000_000)

const TimeZone = z
  .string()
  .max(60)
  .regex(/^[A-Za-z][\w+-]*(\/[\w+-]+)*$/)
  .refine(isTimeZone, 'The time zone is not known.')

function isTimeZone(name: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: name }))
  } catch {
    return false
  }
}

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
          /** Whose days they are, such as `Europe/Berlin`. */
          timeZone: TimeZone.default('UTC'),
          by: z.enum(['model', 'key', 'project']).default('model'),
        })
        .refine(({ from, to }) => from < to && to - from <= MOST_MS, 'must be a time of up to 400 days.'),
    )
    .query(async ({ ctx, input }): Promise<UsageReport> => {
      if (input.projectId !== undefined) await projectOf(ctx.platform, input.projectId)
      return usageReport(ctx.platform, input)
    }),
})
