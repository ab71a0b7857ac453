import type { Describe } from '../kernel/sentence.ts'
import { sentence } from '../kernel/sentence.ts'
import type { FileEvent } from './events.ts'

export const describeFiles = {
  FileStored: ({ name, bytes, origin }) => sentence`${said[origin]} the file ${name} of ${String(bytes)} bytes`,
  FileRemoved: ({ name }) => sentence`removed the file ${name}`,
} satisfies Describe<FileEvent>

const said = { upload: 'uploaded', message: 'sent with a message', tool: 'made' } as const
