import { changeMeta, Reason, Text } from '@stewrd/core/kernel/text.ts'
import { Capability } from '@stewrd/core/kernel/capabilities.ts'
import { ProjectName } from '@stewrd/core/projects/events.ts'
import { noLimits, ProjectLimitsInput } from '@stewrd/core/projects/limits.ts'
import { z } from 'zod'
import type { ProjectUsage } from '../limits/usage.ts'
import { projectUsage } from '../limits/usage.ts'
import type { ShreddedListItem, Shredding } from '../shredding/service.ts'
import { cancelShredding, listShredded, requestShredding, shredding } from '../shredding/service.ts'
import {
  editorProcedure,
  freshProjectProcedure,
  freshSessionProcedure,
  projectProcedure,
  router,
  sessionProcedure,
} from '../trpc/trpc.ts'
import type { OfferedCapability } from './capabilities.ts'
import { offeredCapabilities } from './capabilities.ts'
import type { ProjectListItem } from './list.ts'
import { listProjects } from './list.ts'
import type { KnownProject } from './project-of.ts'
import type { CreatedProject, ProjectChange } from './service.ts'
import { changeProject, createProject } from './service.ts'

const ProjectInput = z.strictObject({ projectId: z.uuid() })
const Change = ProjectInput.extend(changeMeta)

export const projectsRouter = router({
  list: sessionProcedure.query(({ ctx }): Promise<ProjectListItem[]> => listProjects(ctx.platform)),
  /** What is left of projects that were destroyed for good: an id, and how far that is. Newest first. */
  listShredded: sessionProcedure.query(({ ctx }): Promise<ShreddedListItem[]> => listShredded(ctx.platform)),
  get: projectProcedure.input(ProjectInput).query(({ ctx }): KnownProject => ctx.project),
  create: freshSessionProcedure
    .input(z.strictObject({ name: ProjectName, commandId: changeMeta.commandId }))
    .mutation(({ ctx, input }): Promise<CreatedProject> => createProject(ctx.platform, input, ctx.actor)),
  rename: editorProcedure
    .input(Change.extend({ name: ProjectName }))
    .mutation(
      ({ ctx, input }): Promise<ProjectChange> =>
        changeProject(ctx.platform, input.projectId, { type: 'RenameProject', name: input.name }, input, ctx.actor),
    ),
  capabilities: projectProcedure
    .input(ProjectInput)
    .query(({ ctx }): { plan: string | null; offered: OfferedCapability[] } => ({
      plan: ctx.project.plan?.name ?? null,
      offered: offeredCapabilities(ctx.project),
    })),
  /** Whether runs go on with the server's model when the provider fails; `model` is null where the server has none. */
  fallback: projectProcedure.input(ProjectInput).query(({ ctx }): { allowed: boolean; model: string | null } => {
    const { fallback } = ctx.platform
    return { allowed: ctx.project.fallsBack ?? false, model: fallback.source === 'default' ? fallback.model : null }
  }),
  switchDefaultModel: editorProcedure
    .input(Change.extend({ allowed: z.boolean() }))
    .mutation(
      ({ ctx, input: { allowed, ...input } }): Promise<ProjectChange> =>
        changeProject(ctx.platform, input.projectId, { type: 'SwitchDefaultModel', allowed }, input, ctx.actor),
    ),
  changeCapabilities: editorProcedure
    .input(Change.extend({ capabilities: z.array(Capability).max(20) }))
    .mutation(
      ({ ctx, input: { capabilities, ...input } }): Promise<ProjectChange> =>
        changeProject(ctx.platform, input.projectId, { type: 'ChangeCapabilities', capabilities }, input, ctx.actor),
    ),
  changeLimits: editorProcedure
    .input(Change.extend({ limits: ProjectLimitsInput }))
    .mutation(({ ctx, input: { limits: sent, ...input } }): Promise<ProjectChange> => {
      const { storedMegabytes, storedFiles, openSessions, ...rest } = sent
      const { limits: held = noLimits } = ctx.project
      const limits = {
        ...rest,
        storedMegabytes: storedMegabytes === undefined ? held.storedMegabytes : storedMegabytes,
        storedFiles: storedFiles === undefined ? held.storedFiles : storedFiles,
        openSessions: openSessions === undefined ? held.openSessions : openSessions,
      }
      return changeProject(ctx.platform, input.projectId, { type: 'ChangeLimits', limits }, input, ctx.actor)
    }),
  /** This month, with limits, budgets and the account's credits. */
  usage: projectProcedure
    .input(ProjectInput)
    .query(({ ctx, input }): Promise<ProjectUsage> => projectUsage(ctx.platform, input.projectId)),
  archive: projectProcedure
    .input(Change)
    .mutation(
      ({ ctx, input }): Promise<ProjectChange> =>
        changeProject(ctx.platform, input.projectId, { type: 'ArchiveProject' }, input, ctx.actor),
    ),
  /** Whether the project is to be, or was, destroyed for good. */
  shredding: projectProcedure
    .input(ProjectInput)
    .query(({ ctx, input }): Promise<Shredding> => shredding(ctx.platform, input.projectId)),
  /** In seven days, or at once with `now`. `confirm` is the project's name. */
  shred: freshProjectProcedure
    .input(
      ProjectInput.extend({
        confirm: Text.max(200),
        now: z.boolean().default(false),
        reason: Reason.optional(),
        commandId: changeMeta.commandId,
      }),
    )
    .mutation(({ ctx, input }): Promise<Shredding> => requestShredding(ctx.platform, input, ctx.actor)),
  cancelShred: projectProcedure
    .input(ProjectInput)
    .mutation(({ ctx, input }): Promise<Shredding> => cancelShredding(ctx.platform, input.projectId, ctx.actor)),
})
