import type { Projection } from '../kernel/projection.ts'
import type { FileEvent } from './events.ts'
import { fileIdOf } from './files.ts'

export type FileRow = {
  fileId: string
  projectId: string
  name: string
  bytes: number
  mediaType: string
  origin: 'upload' | 'message' | 'tool'
  runId: string | null
  actor: string
  /** Unix milliseconds. */
  storedAt: number
}

/** One row a stored file; none for one that was removed. */
export const filesView: Projection<FileEvent, FileRow> = {
  name: 'files',
  version: 2,
  key: ({ stream }) => fileIdOf(stream),
  evolve(_row, { event, projectId, stream, actor, at }) {
    if (event.type === 'FileRemoved') return undefined
    const { name, bytes, mediaType, origin, runId } = event.data
    return { fileId: fileIdOf(stream), projectId, name, bytes, mediaType, origin, runId, actor, storedAt: at }
  },
}
