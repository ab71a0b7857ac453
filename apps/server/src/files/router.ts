import type { FileRow } from '@stewrd/core/files/files.projection.ts'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { z } from 'zod'
import { editorProcedure, projectProcedure, router } from '../trpc/trpc.ts'

const ProjectInput = z.strictObject({ projectId: z.uuid() })
const FileInput = ProjectInput.extend({ fileId: z.uuid() })
const PageInput = ProjectInput.extend({
  cursor: z.int().min(0).nullish(),
  limit: z.int().min(1).max(100).default(50),
  // Infinite queries of the client send it along.
  direction: z.enum(['forward', 'backward']).optional(),
})

/** Newest first. `nextCursor` asks for the older files after these; null at the end. */
export type FilePage = { files: FileRow[]; nextCursor: number | null }
/** A path on this server that anybody may fetch for 24 hours. */
export type FileUrl = { path: string }

export const filesRouter = router({
  list: projectProcedure.input(PageInput).query(async ({ ctx, input }): Promise<FilePage> => {
    const { projectId, cursor, limit } = input
    const before = typeof cursor === 'number' ? { before: cursor } : {}
    const { views, accountId } = ctx.platform
    const { rows, next } = await views.list<FileRow>('files', accountId, { projectId, limit, ...before })
    return { files: rows, nextCursor: next ?? null }
  }),
  /** Made when it is asked for: a page that is open for long has no old ones. */
  url: projectProcedure.input(FileInput).mutation(async ({ ctx, input }): Promise<FileUrl> => {
    const { service, urls } = ctx.platform.files
    const file = await service.find(input)
    if (!file) throw new Refusal('NOT_FOUND', { what: 'file', id: input.fileId })
    return { path: urls.path(input.fileId, file.name) }
  }),
  remove: editorProcedure.input(FileInput).mutation(async ({ ctx, input }): Promise<{ removed: true }> => {
    await ctx.platform.files.service.remove(input, { actor: ctx.actor })
    return { removed: true }
  }),
})
