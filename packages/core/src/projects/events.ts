import { z } from 'zod'
import { Capability } from '../kernel/capabilities.ts'
import { defineEvent } from '../kernel/event.ts'
import { line } from '../kernel/text.ts'

export const ProjectName = line(80, 'The project name')

export const ProjectCreated = defineEvent(
  'ProjectCreated',
  1,
  z.strictObject({ name: ProjectName, capabilities: z.array(Capability) }),
)
export const ProjectRenamed = defineEvent('ProjectRenamed', 1, z.strictObject({ from: ProjectName, to: ProjectName }))
export const CapabilitiesChanged = defineEvent(
  'CapabilitiesChanged',
  1,
  z.strictObject({ from: z.array(Capability), to: z.array(Capability) }),
)
export const ProjectArchived = defineEvent('ProjectArchived', 1, z.strictObject({}))

export const ProjectEvent = z.discriminatedUnion('type', [
  ProjectCreated,
  ProjectRenamed,
  CapabilitiesChanged,
  ProjectArchived,
])
export type ProjectEvent = z.infer<typeof ProjectEvent>
