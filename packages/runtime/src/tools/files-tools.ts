import { beginningOf, characterStart } from '@stewrd/core/kernel/cut.ts'
import type { Tool, ToolContext } from '../loop/tool.ts'
import { ToolError } from '../loop/tool.ts'
import type { RunFiles } from './run-files.ts'
import { bytesOf, chosenName, fileNamed, made } from './run-files.ts'
import type { JobResult } from './worker/jobs.ts'
import { runJob } from './worker/run-job.ts'

/** Characters of a document that the model gets at once. */
const PIECE = 20_000

/** The tools of the capability `files`: reading documents, and writing text files. */
export function fileTools(kept: RunFiles): Tool[] {
  const read = new Map<string, Promise<JobResult['text']>>()

  /** A document is read once in a run, however many pieces of it are asked for. */
  function textOf(name: unknown, { files, signal }: ToolContext): Promise<JobResult['text']> {
    const file = fileNamed(files, name)
    const key = file.fileId ?? `${file.name}\0${file.content}`
    const known = read.get(key)
    if (known) return known
    const job = async () => ({ type: 'text' as const, file: { name: file.name, bytes: await bytesOf(kept, file) } })
    const reading = runJob<'text'>(kept.projectId, job, signal)
    read.set(key, reading)
    reading.catch(() => read.delete(key))
    return reading
  }

  return [
    {
      name: 'read_file',
      capability: 'files',
      description: `Reads the text of a file: PDF, DOCX, HTML or plain text. Gives at most ${PIECE} characters at once, from "offset" on.`,
      parameters: {
        type: 'object',
        properties: {
          file: { type: 'string', description: 'The name of the file.' },
          offset: { type: 'integer', minimum: 0, description: 'The first character to give. 0 if absent.' },
        },
        required: ['file'],
        additionalProperties: false,
      },
      say: ({ file }) => `Reading ${shortName(file)}`,
      async run({ file, offset = 0 }, context) {
        if (!Number.isSafeInteger(offset) || (offset as number) < 0)
          throw new ToolError('The offset must be a whole number from 0.')
        return { output: piece(await textOf(file, context), offset as number) }
      },
    },
    {
      name: 'write_file',
      capability: 'files',
      description: 'Writes a text file and gives it to the user. Writing one of the same name again replaces it.',
      parameters: {
        type: 'object',
        properties: {
          name: { type: 'string', description: 'A plain file name with an extension, such as summary.md.' },
          content: { type: 'string', description: 'The whole text.' },
        },
        required: ['name', 'content'],
        additionalProperties: false,
      },
      say: ({ name }) => `Writing ${shortName(name)}`,
      async run({ name, content }) {
        if (typeof content !== 'string') throw new ToolError('The content must be a text.')
        const bytes = Buffer.from(content, 'utf8')
        const file = await made(kept, chosenName(name), bytes, { text: true })
        return { output: `Wrote ${file.name}, ${bytes.length} bytes.`, files: [file] }
      },
    },
  ]
}

function piece({ text, pages, note }: JobResult['text'], offset: number): string {
  if (text === '') return ['The file is empty.', note].filter(Boolean).join(' ')
  if (offset >= text.length) throw new ToolError(`The file has ${text.length} characters only.`)
  const begin = characterStart(text, offset)
  const end = characterStart(text, begin + PIECE)
  const of = `Characters ${begin} to ${end} of ${text.length}${pages === null ? '' : `, ${pages} pages`}.`
  const more = end < text.length ? ` The rest begins at offset ${end}.` : ''
  return `${of}${more}${note === null ? '' : ` ${note}`}\n\n${text.slice(begin, end)}`
}

const shortName = (name: unknown) => (typeof name === 'string' ? beginningOf(name, 100) : 'a file')
