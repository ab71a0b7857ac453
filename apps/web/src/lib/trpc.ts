import type { AppRouter, RouterInputs, RouterOutputs } from '@stewrd/server/app-router.ts'
import { QueryCache, QueryClient } from '@tanstack/react-query'
import { httpBatchLink, httpSubscriptionLink, splitLink, TRPCClientError } from '@trpc/client'
import type { TRPCLink } from '@trpc/client'
import { createTRPCReact } from '@trpc/react-query'
import type { Unsubscribable } from '@trpc/server/observable'
import { observable } from '@trpc/server/observable'
import { askForPassword } from './password-prompt.ts'

export const trpc = createTRPCReact<AppRouter>()
export type Inputs = RouterInputs
export type Outputs = RouterOutputs

/** Asks for the password where the server wants it fresh, and sends the same request again. */
const withFreshPassword: TRPCLink<AppRouter> = () => {
  return ({ op, next }) =>
    observable((observer) => {
      let ended = false
      let subscription: Unsubscribable | undefined
      const send = (onRefused: (error: ApiError) => void) => {
        subscription = next(op).subscribe({ ...observer, error: onRefused })
      }
      const confirmed = async (error: ApiError) => {
        const again = error.data?.refusal?.code === 'REAUTHENTICATION_REQUIRED' && (await askForPassword())
        if (ended) return
        if (again) send((last) => observer.error(last))
        else observer.error(error)
      }
      send((error) => void confirmed(error))
      return () => {
        ended = true
        subscription?.unsubscribe()
      }
    })
}

export const trpcClient = trpc.createClient({
  links: [
    withFreshPassword,
    splitLink({
      condition: (op) => op.type === 'subscription',
      true: httpSubscriptionLink({ url: '/trpc' }),
      false: httpBatchLink({ url: '/trpc', maxURLLength: 4000 }),
    }),
  ],
})

export type ApiError = TRPCClientError<AppRouter>
const isApiError = (error: unknown): error is ApiError => error instanceof TRPCClientError

/** The refusal in an error of the server, narrowed by its code. */
export const refusalOf = (error: unknown) => (isApiError(error) ? (error.data?.refusal ?? undefined) : undefined)

/** What to show a person: the server's own words; our own where it could not be reached. */
export function messageOf(error: unknown): string {
  if (isApiError(error))
    return error.data ? error.message : 'The server cannot be reached. Check that it runs, then try again.'
  return error instanceof Error ? error.message : 'Something went wrong.'
}

/** It will be the same however often it is asked for: there is no such thing. */
export const isNotThere = (error: unknown) =>
  isApiError(error) && (error.data?.code === 'NOT_FOUND' || error.data?.code === 'BAD_REQUEST')

const isUnauthorized = (error: unknown) => isApiError(error) && error.data?.code === 'UNAUTHORIZED'

/** `onSignedOut` is called when the server no longer knows the session. */
export function createQueryClient(onSignedOut: () => void): QueryClient {
  return new QueryClient({
    queryCache: new QueryCache({ onError: (error) => isUnauthorized(error) && onSignedOut() }),
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        // What the server refused it will refuse again; only an unreachable server is worth another try.
        retry: (failures, error) => failures < 2 && (!isApiError(error) || !error.data),
      },
    },
  })
}
