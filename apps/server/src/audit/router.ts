import { z } from 'zod'
import type { Platform } from '../platform.ts'
import { projectOf } from '../projects/project-of.ts'
import { projectProcedure, router, sessionProcedure } from '../trpc/trpc.ts'
import type { ConfigAt, ConfigDiff } from './config-at.ts'
import { configAt, configDiff } from './config-at.ts'
import type { RotationAudit } from './rotations.ts'
import { rotationAudit } from './rotations.ts'
import { rotationsPdf } from './rotations-pdf.ts'
import type { HistoryVerification } from './verification.ts'
import { verification } from './verification.ts'

const Moment = z.union(
  [z.strictObject({ time: z.int().min(0).max(8_640_000_000_000_000) }), z.strictObject({ revision: z.int().min(0) })],
  { error: 'must be a time in milliseconds, or a revision.' },
)
const Project = z.strictObject({ projectId: z.uuid() })

const Report = z
  .strictObject({ projectId: z.uuid().optional(), maxAgeDays: z.number().min(0).max(36_500).nullish() })
  .optional()

async function report(platform: Platform, input: z.output<typeof Report> = {}): Promise<RotationAudit> {
  if (input.projectId !== undefined) await projectOf(platform, input.projectId)
  return rotationAudit(platform, input)
}

export const auditRouter = router({
  verification: sessionProcedure.query(({ ctx }) => verification(ctx.platform)),
  /** Begins one, or joins the one that is under way; `verification` tells how far it is. */
  verify: sessionProcedure.mutation(({ ctx }): Promise<HistoryVerification> => {
    ctx.platform.verifier.start(ctx.actor)
    return verification(ctx.platform)
  }),
  rotations: sessionProcedure
    .meta({ slow: true })
    .input(Report)
    .query(({ ctx, input }): Promise<RotationAudit> => report(ctx.platform, input)),
  /** The same as a document for an auditor. */
  rotationsPdf: sessionProcedure
    .meta({ slow: true })
    .input(Report)
    .query(async ({ ctx, input }): Promise<{ base64: string }> => {
      const pdf = await rotationsPdf(await report(ctx.platform, input))
      return { base64: pdf.toString('base64') }
    }),
  configAt: projectProcedure
    .input(Project.extend({ at: Moment }))
    .query(({ ctx, input }): Promise<ConfigAt> => configAt(ctx.platform, input.projectId, input.at)),
  diff: projectProcedure
    .input(Project.extend({ from: Moment, to: Moment }))
    .query(({ ctx, input }): Promise<ConfigDiff> => configDiff(ctx.platform, input.projectId, input.from, input.to)),
})
