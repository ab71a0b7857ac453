import { isUtf8 } from 'node:buffer'
import { Readable } from 'node:stream'
import type { Capability } from '@stewrd/core/kernel/capabilities.ts'
import type { Author } from '@stewrd/core/kernel/execute.ts'
import type { RunFile } from '@stewrd/core/kernel/run-file.ts'
import type { FileInput } from '@stewrd/core/runs/wire.ts'
import { capabilitiesThatRead } from '@stewrd/runtime/tools/readable.ts'
import { ContractError } from '../runs/contract-error.ts'
import type { FileService } from './service.ts'

/** A text up to this size goes into the message itself; a larger one is opened with tools. */
const INLINE_BYTES = 100 * 1024

type Of = {
  projectId: string
  runId: string
  author: Author
  capabilities: readonly Capability[]
  /** Whether a file is this project's: an id alone does not say so. */
  owns(fileId: string): Promise<boolean>
}

/**
 * The files of a request as a run keeps them: texts as they are, others in the storage. Refuses what the run could not read with its
 * capabilities, before anything is stored.
 */
export async function runFilesOf(
  service: Pick<FileService, 'keep' | 'find' | 'content' | 'remove'>,
  of: Of,
  inputs: readonly FileInput[],
): Promise<RunFile[]> {
  const looked = await Promise.all(inputs.map((input, i) => look(service, of, input, i)))
  const done = await Promise.allSettled(looked.map(async (file) => ('bytes' in file ? kept(service, of, file) : file)))
  const failed = done.find((one) => one.status === 'rejected')
  const files = done.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  if (!failed) return files
  // The run does not begin: what was stored for it already goes again.
  const made = files.filter(({ fileId }) => fileId !== undefined && !inputs.some(({ file_id }) => file_id === fileId))
  await Promise.allSettled(
    made.map(({ fileId }) => service.remove({ projectId: of.projectId, fileId: fileId! }, of.author)),
  )
  throw failed.reason
}

type ToKeep = { name: string; bytes: Buffer }

async function look(
  service: Pick<FileService, 'find' | 'content'>,
  of: Of,
  { name = '', content, content_base64, file_id }: FileInput,
  index: number,
): Promise<RunFile | ToKeep> {
  if (content !== undefined) return { name, content }
  if (content_base64 !== undefined) {
    const bytes = Buffer.from(content_base64, 'base64')
    const text = textOf(name, bytes)
    if (text !== undefined) return { name, content: text }
    mayRead(of, name, index)
    return { name, bytes }
  }
  const id = { projectId: of.projectId, fileId: file_id! }
  const file = (await of.owns(id.fileId)) ? await service.find(id) : undefined
  if (!file) throw refused(index, '“file_id” names no file of this project')
  if (file.bytes <= INLINE_BYTES && isText(file.name)) {
    const text = textOf(file.name, await service.content(id, file))
    if (text !== undefined) return { name: file.name, content: text }
  }
  mayRead(of, file.name, index)
  return { name: file.name, fileId: id.fileId }
}

async function kept(service: Pick<FileService, 'keep'>, of: Of, { name, bytes }: ToKeep): Promise<RunFile> {
  const { projectId, runId, author } = of
  const about = { projectId, name, origin: 'message', runId } as const
  const { fileId } = await service.keep(about, Readable.from([bytes]), (append) => append(author))
  return { name, fileId }
}

function mayRead({ capabilities }: Of, name: string, index: number): void {
  const enough = capabilitiesThatRead(name)
  if (!enough.some((one) => capabilities.includes(one)))
    throw refused(
      index,
      `reading ${name} needs the capability “${enough.join('” or “')}”, which this run does not have`,
    )
}

const isText = (name: string) =>
  /\.(txt|md|markdown|csv|tsv|json|jsonl|ndjson|xml|ya?ml|html?|log|ini|toml|[cm]?[jt]sx?|py|sql|css|sh)$/i.test(name)

function textOf(name: string, bytes: Buffer): string | undefined {
  return bytes.length <= INLINE_BYTES && isText(name) && isUtf8(bytes) && !bytes.includes(0)
    ? bytes.toString('utf8')
    : undefined
}

const refused = (index: number, why: string) =>
  new ContractError('invalid_body', `The field "files.${index}" is not valid: ${why}.`)
