import { isStorable } from '@stewrd/core/kernel/text.ts'
import type { RunFile } from '@stewrd/core/kernel/run-file.ts'
import { ToolError } from '../loop/tool.ts'

/** What the tools of a run need of where its files are kept. */
export type RunFiles = {
  /** Whose files they are: reading them has a share of its own. */
  projectId: string
  /** The content of a stored file. */
  read(fileId: string): Promise<Buffer>
  /** Keeps what a tool made. */
  keep(name: string, content: Buffer): Promise<string>
}

/** A text up to this size is kept in the run itself, so that its answer carries it. */
const INLINE_BYTES = 100 * 1024

/** The newest file of this name that the run was given or made. */
export function fileNamed(files: readonly RunFile[], name: unknown): RunFile {
  const file = files.findLast((one) => one.name === name)
  if (file) return file
  const names = [...new Set(files.map((one) => JSON.stringify(one.name)))].join(', ')
  throw new ToolError(
    `There is no file ${JSON.stringify(name)}. ${names ? `The files are ${names}.` : 'There are no files.'}`,
  )
}

/** The whole content of a file of the run. */
export const bytesOf = async (kept: RunFiles, { content, fileId }: RunFile): Promise<Buffer> =>
  content === undefined ? await kept.read(fileId!) : Buffer.from(content, 'utf8')

/** A file that a tool made. `text` is its content where that is text. */
export async function made(kept: RunFiles, name: string, bytes: Buffer, { text }: { text: boolean }): Promise<RunFile> {
  if (text && bytes.length <= INLINE_BYTES) return { name, content: bytes.toString('utf8') }
  return { name, fileId: await kept.keep(name, bytes) }
}

/** A name that the model chose for a file. */
export function chosenName(name: unknown, extensions?: readonly string[]): string {
  const good =
    typeof name === 'string' &&
    /^[^\\/\p{Cc}\p{Bidi_Control}]{1,240}\.[A-Za-z0-9]{1,16}$/u.test(name) &&
    isStorable(name)
  if (!good) throw new ToolError('The name must be a plain file name with an extension, such as result.csv.')
  const extension = name.slice(name.lastIndexOf('.') + 1).toLowerCase()
  if (extensions && !extensions.includes(extension))
    throw new ToolError(`The name must end with ${extensions.map((e) => `.${e}`).join(', ')}.`)
  return name
}
