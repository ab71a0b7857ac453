import { z } from 'zod'

/** A file that a run was given or made: its text, or the id of a stored file. */
export const RunFile = z.strictObject({
  name: z.string(),
  content: z.string().optional(),
  fileId: z.string().optional(),
})
export type RunFile = z.infer<typeof RunFile>
