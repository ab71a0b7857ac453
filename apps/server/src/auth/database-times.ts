import type { kyselyAdapter } from '@better-auth/kysely-adapter'
import type { DatabaseClock } from '@stewrd/db/clock.ts'

type Adapter = ReturnType<ReturnType<typeof kyselyAdapter>>
type Clock = Pick<DatabaseClock, 'fromMachine' | 'toMachine'>

/**
 * The sign-in library knows only this machine's clock, by which it ends sessions and deletes them. Times in the database are by the
 * database's clock: they are translated on their way in and out, so that a machine whose clock is off signs nobody out.
 */
export function databaseTimes(adapter: Adapter, clock: Clock): Adapter {
  const inward = <T>(value: T): T => translated(value, clock.fromMachine)
  const outward = <T>(value: T): T => translated(value, clock.toMachine)
  return {
    ...adapter,
    create: async (input) => outward(await adapter.create(inward(input))),
    findOne: async <T>(query: Parameters<Adapter['findOne']>[0]) => outward(await adapter.findOne<T>(inward(query))),
    findMany: async <T>(query: Parameters<Adapter['findMany']>[0]) => outward(await adapter.findMany<T>(inward(query))),
    update: async <T>(query: Parameters<Adapter['update']>[0]) => outward(await adapter.update<T>(inward(query))),
    consumeOne: async <T>(query: Parameters<Adapter['consumeOne']>[0]) =>
      outward(await adapter.consumeOne<T>(inward(query))),
    incrementOne: async <T>(query: Parameters<Adapter['incrementOne']>[0]) =>
      outward(await adapter.incrementOne<T>(inward(query))),
    count: (query) => adapter.count(inward(query)),
    updateMany: (query) => adapter.updateMany(inward(query)),
    delete: (query) => adapter.delete(inward(query)),
    deleteMany: (query) => adapter.deleteMany(inward(query)),
    // A transaction hands out an adapter of its own.
    transaction: (work) => adapter.transaction((inner) => work(databaseTimes({ ...adapter, ...inner }, clock))),
  }
}

/** A copy with every `Date` in it translated, however deep. */
function translated<T>(value: T, translate: (at: Date) => Date): T {
  if (value instanceof Date) return translate(value) as T
  if (Array.isArray(value)) return value.map((item: unknown) => translated(item, translate)) as T
  if (value === null || typeof value !== 'object' || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, translated(item, translate)])) as T
}
