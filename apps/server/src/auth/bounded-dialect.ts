import { StoreUnavailable } from '@stewrd/core/kernel/execute.ts'
import type { Sql } from '@stewrd/db/connect.ts'
import { onDeadline } from '@stewrd/db/deadline.ts'
import type { Dialect, Driver } from 'kysely'
import { PostgresJSDialect } from 'kysely-postgres-js'

/** What a query of the sign-in library may take, in milliseconds, with its wait for a connection. */
export const ANSWER_MS = 4_500

/** Kysely on our pool. A query that has no answer in time throws `StoreUnavailable`; its outcome is then unknown. */
export function boundedDialect(sql: Sql, answerMs = ANSWER_MS): Dialect {
  const dialect = new PostgresJSDialect({ postgres: sql })
  return {
    createAdapter: () => dialect.createAdapter(),
    createQueryCompiler: () => dialect.createQueryCompiler(),
    createIntrospector: (db) => dialect.createIntrospector(db),
    createDriver: () => bound(dialect.createDriver(), answerMs),
  }
}

function bound(driver: Driver, answerMs: number): Driver {
  const acquire = driver.acquireConnection.bind(driver)
  driver.acquireConnection = async (options) => {
    const deadline = performance.now() + answerMs
    const connection = await acquire(options)
    let left = deadline - performance.now()
    const execute = connection.executeQuery.bind(connection)
    connection.executeQuery = (query, ...rest) => {
      const within = left
      left = answerMs
      return answerWithin(execute(query, ...rest), within)
    }
    return connection
  }
  return driver
}

function answerWithin<T>(answer: Promise<T>, ms: number): Promise<T> {
  const late = Promise.withResolvers<never>()
  const answered = onDeadline(Math.max(0, ms), () => late.reject(new StoreUnavailable('no answer in time')))
  return Promise.race([answer, late.promise]).finally(answered)
}
