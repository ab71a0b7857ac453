import multipart from '@fastify/multipart'
import type { StoredFile } from '@stewrd/core/files/events.ts'
import { fileStream } from '@stewrd/core/files/files.ts'
import type { FileAnswer } from '@stewrd/core/files/wire.ts'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { FileName } from '@stewrd/core/kernel/file-name.ts'
import { create as contentDisposition } from 'content-disposition'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Readable } from 'node:stream'
import parseRange from 'range-parser'
import { z } from 'zod'
import { appendByApiKey } from '../runs/by-api-key.ts'
import { ContractError } from '../runs/contract-error.ts'
import type { V1 } from '../runs/v1.ts'
import type { FileId, Kept } from './service.ts'
import { URL_MS } from './signed-url.ts'

type WithId = { Params: { id: string }; Querystring: { name?: string; expires?: string; signature?: string } }
const Signed = z.object({ name: z.string(), expires: z.string().regex(/^\d{1,12}$/), signature: z.string() })

/** `/v1/files`: files that runs read, and files that runs made. */
export async function fileRoutes(app: FastifyInstance, v1: V1): Promise<void> {
  const { deps, credentials } = v1
  const { service, urls } = deps.files
  // Only here: a JSON route refuses a form as it refuses any other content type.
  await app.register(async (scope) => {
    // One byte more than is kept: a longer file is refused, never cut.
    const limits = { files: 1, fileSize: service.maxBytes + 1, fields: 20, fieldSize: 10_000 }
    await scope.register(multipart, { limits })
    scope.post('/v1/files', { onRequest: v1.known }, async (request, reply) => {
      const kept = await upload(request)
      reply.code(201).header('location', `/v1/files/${kept.fileId}`)
      return answerOf(kept, request)
    })
  })

  async function upload(request: FastifyRequest): Promise<Kept> {
    const { authorization } = request.headers
    const { projectId } = await credentials.of(authorization, { reload: true })
    if (!request.isMultipart() || !boundary.test(request.headers['content-type'] ?? '')) throw notAForm()
    try {
      const part = await request.file()
      if (!part) throw notAForm()
      const name = FileName.safeParse(part.filename.normalize('NFC'))
      if (!name.success)
        throw new ContractError('invalid_body', `The file name is not valid: it ${name.error.issues[0]!.message}.`)
      const about = { projectId, name: name.data, origin: 'upload', runId: null } as const
      return await service.keep(about, part.file, (append) => appendByApiKey(credentials, authorization, append))
    } catch (error) {
      if (isFormError(error)) throw notAForm(error)
      throw error
    }
  }

  const answerOf = ({ fileId, file }: Kept, request: FastifyRequest): FileAnswer => ({
    id: fileId,
    object: 'file',
    name: file.name,
    bytes: file.bytes,
    media_type: file.mediaType,
    sha256: file.sha256,
    url: v1.baseUrl(request) + urls.path(fileId, file.name),
    url_expires_at: new Date(deps.now() + URL_MS).toISOString(),
  })

  /** The file in the path, of the project whose key is sent. */
  async function asked({ params: { id }, headers }: FastifyRequest<WithId>): Promise<Kept> {
    const { projectId } = await credentials.of(headers.authorization, { reload: true })
    return found(id, projectId)
  }

  async function found(fileId: string, projectId?: string): Promise<Kept> {
    const owner = z.uuid().safeParse(fileId).success ? await deps.streamOwner(fileStream(fileId)) : undefined
    if (owner === undefined || (projectId !== undefined && owner !== projectId)) throw notThere()
    const file = await service.find({ projectId: owner, fileId }).catch(goneWithProject)
    if (!file) throw notThere()
    return { projectId: owner, fileId, file }
  }

  app.get<WithId>('/v1/files/:id', async (request) => answerOf(await asked(request), request))

  app.delete<WithId>('/v1/files/:id', { onRequest: v1.known }, async (request) => {
    const { fileId, projectId } = await asked(request)
    await appendByApiKey(credentials, request.headers.authorization, (author) =>
      service.remove({ fileId, projectId }, author),
    )
    return { id: fileId, object: 'file', deleted: true }
  })

  app.get<WithId>('/v1/files/:id/content', async (request, reply) => {
    const signed = Object.keys(request.query).length > 0
    const { file, ...id } = signed ? await bySignature(request) : await asked(request)
    return sent(request, reply, id, file)
  })

  function bySignature({ params: { id }, query }: FastifyRequest<WithId>): Promise<Kept> {
    const parsed = Signed.safeParse(query)
    const state = parsed.success ? urls.check(id, parsed.data) : 'forged'
    if (state === 'forged')
      throw new ContractError(
        'file_url_invalid',
        'The signature of this URL is not right. Use the URL as it was given.',
      )
    if (state === 'expired')
      throw new ContractError('file_url_expired', 'This URL has expired. Fetch a new one with GET /v1/files/{id}.')
    return found(id)
  }

  async function sent(
    request: FastifyRequest,
    reply: FastifyReply,
    id: FileId,
    file: StoredFile,
  ): Promise<Readable | ''> {
    const etag = `"${file.sha256}"`
    reply.headers({
      'content-type': file.mediaType,
      'content-disposition': contentDisposition(file.name),
      'content-security-policy': "sandbox; default-src 'none'",
      'cache-control': 'private, max-age=86400, immutable',
      'accept-ranges': 'bytes',
      etag,
    })
    if (request.headers['if-none-match'] === etag) return reply.code(304).send('')
    const range = rangeOf(request, file, etag)
    if (range === 'unsatisfiable') {
      return reply.code(416).header('content-range', `bytes */${file.bytes}`).send('')
    }
    if (range) reply.code(206).header('content-range', `bytes ${range.from}-${range.to - 1}/${file.bytes}`)
    reply.header('content-length', String(range ? range.to - range.from : file.bytes))
    // The first piece before the first byte is sent: a storage that is away is an error, not half a file.
    const pieces = service.read(id, file, range)
    const first = await pieces.next()
    return Readable.from(joined(first, pieces))
  }
}

async function* joined(first: IteratorResult<Buffer, void>, rest: AsyncGenerator<Buffer, void>) {
  if (!first.done) yield first.value
  yield* rest
}

/** One range; a request for several gets the whole, as it may. */
function rangeOf(request: FastifyRequest, { bytes }: StoredFile, etag: string) {
  const { range, 'if-range': ifRange } = request.headers
  if (range === undefined || (ifRange !== undefined && ifRange !== etag)) return undefined
  const parsed = parseRange(bytes, range)
  if (parsed === -1) return 'unsatisfiable'
  if (parsed === -2 || parsed.length !== 1 || parsed.type !== 'bytes') return undefined
  return { from: parsed[0]!.start, to: parsed[0]!.end + 1 }
}

/** A file of a shredded project is as unknown as any other. */
function goneWithProject(error: unknown): undefined {
  if (!(error instanceof Refusal && error.code === 'PROJECT_SHREDDED')) throw error
}

/** At most 70 characters (RFC 2046): what reads forms fails on longer ones. */
const boundary = /;\s*boundary=("[^"]{1,70}"|[^\s";]{1,70})\s*(;|$)/i

const isFormError = (error: unknown): error is Error =>
  error instanceof Error &&
  ('code' in error
    ? String(error.code).startsWith('FST_')
    : /multipart|form|boundary|unexpected end/i.test(error.message))

const notAForm = (cause?: Error) =>
  new ContractError('invalid_body', 'Send one file as multipart/form-data, in a field named “file”.', { cause })
const notThere = () => new ContractError('file_not_found', 'There is no such file, or it belongs to another project.')
