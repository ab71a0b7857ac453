import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { LogDamaged } from '@stewrd/db/log-tree/nodes.ts'
import { z } from 'zod'
import type { Platform } from '../platform.ts'
import { projectProcedure, router, sessionProcedure } from '../trpc/trpc.ts'
import type { EventProof } from './event-proof.ts'
import { eventProof } from './event-proof.ts'
import { runReceipt } from './receipt.ts'
import { BundleRefused } from './refused.ts'
import type { RunFacts } from './run-facts.ts'

/** What an export would have now: `signed` of the log's entries are under a checkpoint. The file itself: GET /api/proof/<project>. */
export type ExportPreview = { events: number; logSize: number; signed: number; verifierKey: string }
/**
 * `text` is the file. While it is `waiting`, ask again: `alarm` says why nothing is signed, if there is a reason. `wrong`: what is stored
 * is not what was signed.
 */
export type RunReceipt =
  | { status: 'ready'; text: string; run: RunFacts; checkpoint: { size: number; at: number }; verifierKey: string }
  | { status: 'waiting'; needed: number; signed: number; alarm: string | null }
  | { status: 'wrong'; message: string }

const Project = z.strictObject({ projectId: z.uuid() })

export const proofRouter = router({
  export: projectProcedure
    .input(Project)
    .query(({ ctx }): Promise<ExportPreview> => exportPreview(ctx.platform, ctx.projectId)),
  receipt: projectProcedure
    .input(Project.extend({ runId: z.uuid() }))
    .query(({ ctx, input }): Promise<RunReceipt> => receipt(ctx.platform, input)),
  event: sessionProcedure
    .input(z.strictObject({ index: z.int().min(0) }))
    .query(({ ctx, input }): Promise<EventProof> => eventProof(ctx.platform, input.index)),
})

async function exportPreview(platform: Platform, projectId: string): Promise<ExportPreview> {
  const { sql, accountId, publicLog, history } = platform
  const [[row], logSize, latest] = await Promise.all([
    sql<{ events: number }[]>`
      select count(*) as events from log where account_id = ${accountId} and project_id = ${projectId}`,
    history.size(),
    publicLog.published.refresh(),
  ])
  return { events: row!.events, logSize, signed: latest?.size ?? 0, verifierKey: publicLog.verifierKey }
}

/** Nobody waits on the line: a page asks again. */
async function receipt(platform: Platform, run: { projectId: string; runId: string }): Promise<RunReceipt> {
  try {
    const made = await runReceipt(platform, { ...run, waitMs: 0 })
    return { status: 'ready', ...made, verifierKey: platform.publicLog.verifierKey }
  } catch (error) {
    if (error instanceof BundleRefused || error instanceof LogDamaged)
      return { status: 'wrong', message: error.message }
    if (!(error instanceof Refusal) || error.code !== 'LOG_NOT_SIGNED') throw error
    const { needed, signed, alarm } = (error as Refusal<'LOG_NOT_SIGNED'>).details
    return { status: 'waiting', needed, signed, alarm: alarm ?? null }
  }
}
