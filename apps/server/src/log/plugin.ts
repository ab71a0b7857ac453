import { isInLog, parseTile } from '@stewrd/crypto/tile.ts'
import type { Tile } from '@stewrd/crypto/tile.ts'
import { readTile } from '@stewrd/db/log-tree/nodes.ts'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Platform } from '../platform.ts'

const FOR_EVER = 'public, max-age=31536000, immutable'

/** The log for everybody, without signing in, as C2SP tlog-tiles says. Nothing of what customers wrote is in it: docs/formats/log.md. */
export async function logPlugin(app: FastifyInstance, { platform }: { platform: Platform }): Promise<void> {
  const { worker: sql } = platform
  const { published } = platform.publicLog

  app.addHook('onRequest', async (_request, reply) => {
    reply.header('access-control-allow-origin', '*')
  })

  app.get('/log/checkpoint', async (_request, reply) => {
    const latest = published.latest ?? (await published.refresh())
    if (!latest) return notFound(reply, 'Nothing has been signed yet.')
    return reply
      .headers({ 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'public, max-age=1' })
      .send(latest.note)
  })

  app.get<{ Params: { '*': string } }>('/log/tile/*', async (request, reply) => {
    const tile = parseTile(request.params['*'])
    if (!tile || !(await isSigned(tile))) return notFound(reply, 'The log has no such tile.')
    return reply
      .headers({ 'content-type': 'application/octet-stream', 'cache-control': FOR_EVER })
      .send(await readTile(sql, tile))
  })

  const nothing = (_request: unknown, reply: FastifyReply) =>
    notFound(reply, 'There is nothing at this address of the log.')
  app.all('/log/*', { onRequest: async (request, reply) => nothing(request, reply) }, nothing)

  /** Only what a checkpoint covers is shown; another node may have signed one just now. */
  async function isSigned(tile: Tile): Promise<boolean> {
    if (isInLog(tile, published.latest?.size ?? 0)) return true
    return isInLog(tile, (await published.refresh())?.size ?? 0)
  }
}

const notFound = (reply: FastifyReply, message: string) =>
  reply
    .code(404)
    .header('cache-control', 'no-store')
    .send({ error: { code: 'not_found', message } })
