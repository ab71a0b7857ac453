import { Text } from '@stewrd/core/kernel/text.ts'
import { z } from 'zod'
import { projectProcedure, router } from '../trpc/trpc.ts'
import type { RunDetail, RunFacets, RunPage } from './queries.ts'
import { runDetail, runFacets, runPage } from './queries.ts'

const Project = z.strictObject({ projectId: z.uuid() })

export const runsRouter = router({
  list: projectProcedure
    .input(
      Project.extend({
        status: z.enum(['running', 'waiting', 'completed', 'failed', 'cancelled']).optional(),
        model: Text.max(200).optional(),
        keyFingerprint: Text.max(40).optional(),
        sessionId: z.uuid().optional(),
        cursor: z.int().min(0).nullish(),
        limit: z.int().min(1).max(200).default(50),
        // Infinite queries of the client send it along.
        direction: z.enum(['forward', 'backward']).optional(),
      }),
    )
    .query(({ ctx, input }): Promise<RunPage> => runPage(ctx.platform, input)),
  facets: projectProcedure
    .input(Project)
    .query(({ ctx, input }): Promise<RunFacets> => runFacets(ctx.platform, input.projectId)),
  get: projectProcedure
    .input(Project.extend({ runId: z.uuid() }))
    .query(({ ctx, input }): Promise<RunDetail> => runDetail(ctx.platform, input.projectId, input.runId)),
})
