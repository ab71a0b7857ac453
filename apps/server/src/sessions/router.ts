import { z } from 'zod'
import { editorProcedure, projectProcedure, router } from '../trpc/trpc.ts'
import type { SessionDetail, SessionPage } from './dashboard.ts'
import { deleteSession, sessionDetail, sessionPage } from './dashboard.ts'

const ProjectInput = z.strictObject({ projectId: z.uuid() })
const SessionInput = ProjectInput.extend({ sessionId: z.uuid() })
const PageInput = ProjectInput.extend({
  cursor: z.int().min(0).nullish(),
  limit: z.int().min(1).max(100).default(50),
  // Infinite queries of the client send it along.
  direction: z.enum(['forward', 'backward']).optional(),
})

export const sessionsRouter = router({
  list: projectProcedure
    .input(PageInput)
    .query(({ ctx, input }): Promise<SessionPage> => sessionPage(ctx.platform, input)),
  get: projectProcedure
    .input(SessionInput)
    .query(({ ctx, input }): Promise<SessionDetail> => sessionDetail(ctx.platform, input)),
  delete: editorProcedure
    .input(SessionInput)
    .mutation(({ ctx, input }): Promise<{ deleted: true }> => deleteSession(ctx.platform, input, ctx.actor)),
})
