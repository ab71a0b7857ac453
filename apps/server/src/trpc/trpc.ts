import { setTimeout as wait } from 'node:timers/promises'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { StoreUnavailable } from '@stewrd/core/kernel/execute.ts'
import { refuseUnlessActive } from '@stewrd/core/projects/projects.ts'
import { initTRPC, TRPCError } from '@trpc/server'
import { z } from 'zod'
import { until } from '../auth/revocation-watch.ts'
import type { Platform } from '../platform.ts'
import { projectOf } from '../projects/project-of.ts'
import type { RequestContext } from './context.ts'
import { refusalData, toTrpcError } from './refusal.ts'

/**
 * `slow`: a read that goes through a long history. `session`: for people who are signed in. `freshPassword`: and who entered their
 * password a moment ago.
 */
type Meta = { slow?: true; session?: true; freshPassword?: true }
/** What reads have to answer in, in milliseconds. */
const [READ_MS, SLOW_READ_MS] = [8_000, 10 * 60_000]
/** What takes longer than this may be waiting for a database that is away. With the look itself: within 5 s. */
const [LOOK_AFTER_MS, LOOK_EVERY_MS] = [2_500, 1_000]

const t = initTRPC
  .context<RequestContext>()
  .meta<Meta>()
  .create({
    sse: { ping: { enabled: true, intervalMs: 15_000 }, client: { reconnectAfterInactivityMs: 45_000 } },
    errorFormatter({ shape, error: thrown, ctx }) {
      const error = ours(thrown)
      const { code, httpStatus, path } = shape.data
      return {
        code: shape.code,
        message: error.message,
        data: {
          code,
          httpStatus,
          ...(path === undefined ? {} : { path }),
          refusal: error.cause instanceof Refusal ? refusalData(error.cause) : null,
          requestId: ctx?.requestId ?? null,
        },
      }
    },
  })

export const router = t.router

/** Errors become ours before tRPC derives a status from them. */
const safely = t.middleware(async ({ next }) => {
  const result = await next()
  if (!result.ok) throw ours(result.error)
  return result
})

/** A database that leaves a procedure without an answer is an outage to the page that waits for it. */
const inTime = t.middleware(async ({ ctx, type, meta, next }) => {
  if (type === 'subscription') return next()
  const withinMs = type === 'mutation' ? Number.POSITIVE_INFINITY : meta?.slow ? SLOW_READ_MS : READ_MS
  const over = new AbortController()
  const outage = Promise.withResolvers<never>()
  void untilOutage(ctx.platform, withinMs, over.signal).then(
    () => outage.reject(new StoreUnavailable('no answer in time')),
    () => {},
  )
  try {
    return await Promise.race([next(), outage.promise])
  } finally {
    over.abort()
  }
})

/** Resolves when the database does not answer any more, or when `withinMs` are over. Rejects when `signal` aborts. */
async function untilOutage({ ready }: Platform, withinMs: number, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + withinMs
  await wait(LOOK_AFTER_MS, undefined, { signal })
  while (performance.now() < deadline && (await ready())) await wait(LOOK_EVERY_MS, undefined, { signal })
}

export const publicProcedure = t.procedure.use(safely).use(inTime)

/** Somebody is signed in. Every one of them belongs to the one account of this installation. */
export const sessionProcedure = publicProcedure.meta({ session: true }).use(async ({ ctx, type, next }) => {
  const session = await ctx.session()
  if (!session) throw new TRPCError({ code: 'UNAUTHORIZED', message: 'Sign in first.' })
  const { id: sessionId, person: user } = session
  const result = await next({
    ctx: { user, sessionId, actor: `user:${user.id}`, accountId: ctx.platform.accountId },
  })
  if (type !== 'subscription' || !result.ok) return result
  return { ...result, data: untilSessionEnds(result.data as AsyncIterable<unknown>, ctx.platform, sessionId) }
})

/** Every stream of a person ends with the session that it was opened in, and says so. */
async function* untilSessionEnds<T>(stream: AsyncIterable<T>, { revocations }: Platform, sessionId: string) {
  const watched = revocations.sessions.watch(sessionId)
  try {
    yield* until(stream, watched.ended, sessionEnded)
  } finally {
    watched.close()
  }
}

const sessionEnded = () =>
  new TRPCError({ code: 'UNAUTHORIZED', message: 'Your session has ended. Sign in again to see more.' })

/** The input names a project of the account. Reads its head: always as new as its last event. */
export const projectProcedure = sessionProcedure
  .input(z.object({ projectId: z.uuid('must be the id of a project.') }))
  .use(async ({ ctx, input, next }) => {
    const project = await projectOf(ctx.platform, input.projectId)
    return next({ ctx: { project, projectId: input.projectId } })
  })

/** May change the project, which must be in use. Today everybody who may see it may; members with less are refused here. */
export const editorProcedure = projectProcedure.use(({ ctx, next }) => {
  refuseUnlessActive(ctx.project, ctx.projectId)
  return next()
})

/**
 * The rung above each of these, for what destroys for good, or shows a secret: whoever finds a page open must not be able to do that. The
 * command line does not ask, as whoever has the machine has the keyring.
 */
export const freshSessionProcedure = sessionProcedure.meta({ freshPassword: true }).use(async ({ ctx, next }) => {
  await requireFreshPassword(ctx)
  return next()
})
export const freshProjectProcedure = projectProcedure.meta({ freshPassword: true }).use(async ({ ctx, next }) => {
  await requireFreshPassword(ctx)
  return next()
})
export const freshEditorProcedure = editorProcedure.meta({ freshPassword: true }).use(async ({ ctx, next }) => {
  await requireFreshPassword(ctx)
  return next()
})

async function requireFreshPassword({ platform, sessionId }: { platform: Platform; sessionId: string }): Promise<void> {
  if (!(await platform.auth.freshPassword.isFresh(sessionId))) throw new Refusal('REAUTHENTICATION_REQUIRED', {})
}

/** An error that was made here (by a procedure, or by tRPC about the request itself) says what it says; others are replaced. */
function ours(error: TRPCError): TRPCError {
  if (error.cause === undefined) return error
  const mapped = toTrpcError(error.cause)
  return mapped.code === 'INTERNAL_SERVER_ERROR' && error.code !== 'INTERNAL_SERVER_ERROR'
    ? withoutDetail(error)
    : mapped
}

const withoutDetail = ({ code, cause }: TRPCError) =>
  new TRPCError({
    code,
    message: cause instanceof SyntaxError ? 'The body is not JSON.' : 'The request is not valid.',
    cause,
  })
