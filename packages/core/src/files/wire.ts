import { z } from 'zod'

/** A file as `/v1/files` tells it. `url` is good until `url_expires_at`, for whoever has it. */
export const FileAnswer = z.object({
  id: z.uuid(),
  object: z.literal('file'),
  name: z.string(),
  bytes: z.int().min(0),
  media_type: z.string(),
  sha256: z.string(),
  url: z.url(),
  url_expires_at: z.iso.datetime(),
})
export type FileAnswer = z.infer<typeof FileAnswer>
