import { createHash } from 'node:crypto'
import type { kyselyAdapter } from '@better-auth/kysely-adapter'

type Adapter = ReturnType<ReturnType<typeof kyselyAdapter>>
type Where = NonNullable<Parameters<Adapter['findMany']>[0]['where']>
type Query = { model: string; where?: Where | undefined }

/** What stands in the database for a session's token: whoever reads a dump cannot sign in with it. */
export const storedToken = (token: string) => createHash('sha256').update(token).digest('base64url')

/** Session tokens are hashed on their way in, and looked up by hash. The raw token is given back only to who brought it. */
export function hashedSessions(adapter: Adapter): Adapter {
  return {
    ...adapter,
    create: (async (input: Parameters<Adapter['create']>[0]) => {
      if (input.model !== 'session') return adapter.create(input)
      const token = String(input.data.token)
      const row = await adapter.create({ ...input, data: { ...input.data, token: storedToken(token) } })
      return { ...row, token }
    }) as Adapter['create'],
    async findOne<T>(query: Parameters<Adapter['findOne']>[0]): Promise<T | null> {
      const row = await adapter.findOne<T>(hashed(query))
      const token = query.model === 'session' ? tokenIn(query.where) : undefined
      return row && token !== undefined ? { ...row, token } : row
    },
    async update<T>(query: Parameters<Adapter['update']>[0]): Promise<T | null> {
      const row = await adapter.update<T>(hashed(query))
      const token = query.model === 'session' ? tokenIn(query.where) : undefined
      return row && token !== undefined ? { ...row, token } : row
    },
    findMany: (query) => adapter.findMany(hashed(query)),
    count: (query) => adapter.count(hashed(query)),
    updateMany: (query) => adapter.updateMany(hashed(query)),
    delete: (query) => adapter.delete(hashed(query)),
    deleteMany: (query) => adapter.deleteMany(hashed(query)),
    consumeOne: (query) => adapter.consumeOne(hashed(query)),
    incrementOne: (query) => adapter.incrementOne(hashed(query)),
    // A transaction hands out an adapter of its own, which must hash as well.
    transaction: (work) => adapter.transaction((inner) => work(hashedSessions({ ...adapter, ...inner }))),
  }
}

const tokenIn = (where: Where) => {
  const value = where.find((w) => w.field === 'token')?.value
  return typeof value === 'string' ? value : undefined
}

function hashed<Q extends Query>(query: Q): Q {
  if (query.model !== 'session' || !query.where) return query
  const where = query.where.map((w) => {
    if (w.field !== 'token') return w
    if (Array.isArray(w.value)) return { ...w, value: w.value.map((token) => storedToken(String(token))) }
    return { ...w, value: storedToken(String(w.value)) }
  })
  return { ...query, where }
}
