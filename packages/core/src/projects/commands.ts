import { z } from 'zod'
import { Capability } from '../kernel/capabilities.ts'
import { ProjectName } from './events.ts'

export const CreateProject = z.strictObject({ type: z.literal('CreateProject'), name: ProjectName })
export const RenameProject = z.strictObject({ type: z.literal('RenameProject'), name: ProjectName })
export const ChangeCapabilities = z.strictObject({
  type: z.literal('ChangeCapabilities'),
  capabilities: z.array(Capability).max(20),
})
export const ArchiveProject = z.strictObject({ type: z.literal('ArchiveProject') })

export const ProjectCommand = z.discriminatedUnion('type', [
  CreateProject,
  RenameProject,
  ChangeCapabilities,
  ArchiveProject,
])
export type ProjectCommand = z.infer<typeof ProjectCommand>
