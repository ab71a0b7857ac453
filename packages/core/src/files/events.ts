import { z } from 'zod'
import { defineEvent } from '../kernel/event.ts'

/** How a file came in: sent by itself, with the message of a run, or made by a tool. */
export const FileOrigin = z.enum(['upload', 'message', 'tool'])

/** Its content is in the storage, sealed under the data key `dekId`. `sha256` is of the content, 64 hex digits. */
export const FileStored = defineEvent(
  'FileStored',
  1,
  z.strictObject({
    name: z.string(),
    bytes: z.int().min(0),
    mediaType: z.string(),
    sha256: z.string(),
    dekId: z.string(),
    origin: FileOrigin,
    runId: z.string().nullable(),
  }),
)

export const FileRemoved = defineEvent('FileRemoved', 1, z.strictObject({ name: z.string() }))

export const FileEvent = z.discriminatedUnion('type', [FileStored, FileRemoved])
export type FileEvent = z.infer<typeof FileEvent>
export type StoredFile = z.infer<typeof FileStored>['data']
