import { line, Text } from '@stewrd/core/kernel/text.ts'
import { nouns } from '@stewrd/core/kernel/event.ts'
import { tracked } from '@trpc/server'
import { z } from 'zod'
import { projectOf } from '../projects/project-of.ts'
import { router, sessionProcedure } from '../trpc/trpc.ts'
import type { HistoryEntry } from './entry.ts'
import type { HistoryDetail, HistoryPage } from './queries.ts'
import { historyDetail, historyPage, historyTail } from './queries.ts'

const Index = z.int().min(0)
const Time = z.int().min(0).max(8_640_000_000_000_000)
const Filter = z.strictObject({
  projectId: z.uuid().optional(),
  nouns: z.array(z.enum(nouns)).max(20).optional(),
  types: z.array(line(100, 'The type')).max(100).optional(),
  actor: line(300, 'The actor').optional(),
  from: Time.optional(),
  to: Time.optional(),
})

export const historyRouter = router({
  list: sessionProcedure
    .input(
      Filter.extend({
        cursor: Index.nullish(),
        limit: z.int().min(1).max(500).default(100),
        // Infinite queries of the client send it along.
        direction: z.enum(['forward', 'backward']).optional(),
      }),
    )
    .query(async ({ ctx, input: query }): Promise<HistoryPage> => {
      if (query.projectId !== undefined) await projectOf(ctx.platform, query.projectId)
      return historyPage(ctx.platform, query)
    }),
  get: sessionProcedure
    .input(z.strictObject({ index: Index }))
    .query(({ ctx, input }): Promise<HistoryDetail> => historyDetail(ctx.platform, input.index)),
  /** Live rows. Resumes after `lastEventId`, which the client sends when it reconnects; else after `after`; else from now on. */
  tail: sessionProcedure
    .input(Filter.extend({ after: Index.or(z.literal(-1)).optional(), lastEventId: Text.max(20).nullish() }))
    .subscription(async function* ({ ctx, input: { lastEventId, after, ...query }, signal }) {
      if (query.projectId !== undefined) await projectOf(ctx.platform, query.projectId)
      const resume = lastEventId ? Number.parseInt(lastEventId, 10) : Number.NaN
      const from = Number.isNaN(resume) ? after : resume
      for await (const entry of historyTail(
        ctx.platform,
        { ...query, after: from },
        signal ?? new AbortController().signal,
      ))
        yield tracked<HistoryEntry>(String(entry.index), entry)
    }),
})
