import { randomUUID } from 'node:crypto'
import { kyselyAdapter } from '@better-auth/kysely-adapter'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { StoreUnavailable } from '@stewrd/core/kernel/execute.ts'
import type { BetterAuthOptions } from 'better-auth'
import { betterAuth } from 'better-auth'
import { Kysely } from 'kysely'
import type { Sql } from '@stewrd/db/connect.ts'
import { runWithin } from '@stewrd/db/db-error.ts'
import type { Secret } from '@stewrd/crypto/secret.ts'
import { ANSWER_MS, boundedDialect } from './bounded-dialect.ts'
import type { DatabaseClock } from '@stewrd/db/clock.ts'
import { databaseTimes } from './database-times.ts'
import type { DeviceCookie } from './device-cookie.ts'
import { deviceCookie } from './device-cookie.ts'
import type { FreshPassword } from './fresh-password.ts'
import { freshPassword } from './fresh-password.ts'
import { hashedSessions } from './hashed-sessions.ts'
import type { Person } from './people.ts'
import { Throttle } from './throttle.ts'

export const authPath = '/api/auth'
/** Set by the server itself, over whatever a client sent: what sign-in attempts are counted by. */
export const clientAddressHeader = 'x-stewrd-client-address'

export type Session = { id: string; person: Person }

/** Accounts of people: sign-in by email and password, sessions in http-only cookies. */
export type Auth = {
  /** Answers requests under `/api/auth`. */
  handler(request: Request): Promise<Response>
  /** Whoever the cookie belongs to. Throws `StoreUnavailable` rather than say "nobody" when it cannot know. */
  person(headers: Headers): Promise<Person | undefined>
  /** As `person`, with the id of the session. */
  session(headers: Headers): Promise<Session | undefined>
  /** All of the person's sessions but this one. */
  endOtherSessions(session: Session): Promise<void>
  freshPassword: FreshPassword
  throttle: Throttle
  device: DeviceCookie
  find(userIds: readonly string[]): Promise<Person[]>
  ownerExists(): Promise<boolean>
  /** Makes an account. Refused when there is one with this email. */
  createOwner(owner: { name: string; email: string; password: Secret }): Promise<{ userId: string }>
}

export type AuthOptions = {
  sql: Sql
  secret: string
  clock: Pick<DatabaseClock, 'fromMachine' | 'toMachine'>
  publicUrl?: string | undefined
}

export function createAuth(options: AuthOptions): Auth {
  const db = new Kysely<AuthTables>({ dialect: boundedDialect(options.sql) })
  const auth = make(db, options)
  const session = async (headers: Headers): Promise<Session | undefined> => {
    const found = await auth.api.getSession({ headers, query: { disableRefresh: true } }).catch((cause: unknown) => {
      throw new StoreUnavailable('sessions', { cause })
    })
    if (!found) return undefined
    const { id, name, email } = found.user
    return { id: found.session.id, person: { id, name, email } }
  }
  const byEmail = (email: string) => db.selectFrom('auth_users').select('id').where('email', '=', email)
  return {
    handler: (request) => auth.handler(request),
    person: async (headers) => (await session(headers))?.person,
    session,
    async endOtherSessions({ id, person }) {
      await runWithin(options.sql`delete from auth_sessions where user_id = ${person.id} and id <> ${id}`, ANSWER_MS)
    },
    freshPassword: freshPassword({
      sql: options.sql,
      verify: async (given) => (await auth.$context).password.verify(given),
    }),
    throttle: new Throttle(options.sql, options.secret),
    device: deviceCookie({ secret: options.secret, secure: isHttps(options.publicUrl), path: authPath }),
    find: (ids) => db.selectFrom('auth_users').select(['id', 'name', 'email']).where('id', 'in', ids).execute(),
    async ownerExists() {
      return (await db.selectFrom('auth_users').select('id').limit(1).executeTakeFirst()) !== undefined
    },
    async createOwner({ name, email, password }) {
      const address = email.toLowerCase()
      if (await byEmail(address).executeTakeFirst())
        throw new Refusal('INVALID_INPUT', { field: 'email', problem: 'There is an account with this email already.' })
      const { internalAdapter, password: passwords } = await auth.$context
      const hash = await passwords.hash(password.reveal())
      const user = await internalAdapter.createUser({ name, email: address, emailVerified: true }, { method: 'admin' })
      await internalAdapter.linkAccount({
        userId: user.id,
        providerId: 'credential',
        accountId: user.id,
        password: hash,
      })
      return { userId: user.id }
    },
  }
}

type AuthTables = { auth_users: { id: string; name: string; email: string } }

const isHttps = (publicUrl: string | undefined) => publicUrl?.startsWith('https:') ?? false

const changed = { createdAt: 'created_at', updatedAt: 'updated_at' }

function make(db: Kysely<AuthTables>, { secret, clock, publicUrl }: AuthOptions) {
  return betterAuth({
    appName: 'Stewrd',
    baseURL: publicUrl ?? 'http://localhost',
    basePath: authPath,
    secret,
    telemetry: { enabled: false },
    // Its messages can quote what somebody typed.
    logger: { disabled: true },
    // Otherwise what it did not expect is printed, whole. Refusals are still answered.
    onAPIError: { throw: true },
    database: (options: BetterAuthOptions) =>
      hashedSessions(databaseTimes(kyselyAdapter(db, { type: 'postgres', transaction: true })(options), clock)),
    emailAndPassword: { enabled: true, disableSignUp: true, minPasswordLength: 10, maxPasswordLength: 128 },
    // Its own counts in the memory of one process, by address alone: `Throttle` does that.
    rateLimit: { enabled: false },
    // `refuseOtherOrigins` has compared the origin with the host before a request gets here.
    trustedOrigins: (request) => [request?.headers.get('origin') ?? ''].filter(Boolean),
    user: { modelName: 'auth_users', fields: { emailVerified: 'email_verified', ...changed } },
    session: {
      modelName: 'auth_sessions',
      fields: {
        userId: 'user_id',
        expiresAt: 'expires_at',
        ipAddress: 'ip_address',
        userAgent: 'user_agent',
        ...changed,
      },
    },
    account: {
      modelName: 'auth_accounts',
      fields: {
        userId: 'user_id',
        accountId: 'account_id',
        providerId: 'provider_id',
        accessToken: 'access_token',
        refreshToken: 'refresh_token',
        idToken: 'id_token',
        accessTokenExpiresAt: 'access_token_expires_at',
        refreshTokenExpiresAt: 'refresh_token_expires_at',
        ...changed,
      },
    },
    verification: { modelName: 'auth_verifications', fields: { expiresAt: 'expires_at', ...changed } },
    advanced: {
      cookiePrefix: 'stewrd',
      useSecureCookies: isHttps(publicUrl),
      defaultCookieAttributes: { httpOnly: true, sameSite: 'lax', path: '/' },
      ipAddress: { ipAddressHeaders: [clientAddressHeader] },
      database: { generateId: () => randomUUID(), validateSchema: false },
    },
  })
}
