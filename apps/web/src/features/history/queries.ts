import type { Outputs } from '../../lib/trpc.ts'
import { endOfDay, startOfDay } from '../../lib/days.ts'
import { trpc } from '../../lib/trpc.ts'
import type { HistorySearch } from './search.ts'

export type HistoryEntry = Outputs['history']['list']['entries'][number]

/** What the URL asks for, as the server's filter. `to` includes its whole day. */
export function filterOf(search: HistorySearch, projectId: string | undefined) {
  return {
    ...(projectId && { projectId }),
    ...(search.noun && { nouns: [search.noun] }),
    ...(search.type && { types: [search.type] }),
    ...(search.actor && { actor: search.actor }),
    ...(search.from && { from: startOfDay(search.from) }),
    ...(search.to && { to: endOfDay(search.to) }),
  }
}
export type HistoryFilter = ReturnType<typeof filterOf>

export const useHistory = (filter: HistoryFilter) =>
  trpc.history.list.useInfiniteQuery(
    { ...filter, limit: 100 },
    { getNextPageParam: (page) => page.nextCursor, staleTime: Number.POSITIVE_INFINITY, refetchOnMount: 'always' },
  )

export const useHistoryEvent = (index: number | undefined) =>
  trpc.history.get.useQuery({ index: index ?? 0 }, { enabled: index !== undefined })

/** New rows as they happen, put in front of the first page. `after` is undefined until the first page is there. */
export function useHistoryTail(filter: HistoryFilter, after: number | undefined) {
  const utils = trpc.useUtils()
  return trpc.history.tail.useSubscription(
    { ...filter, after: after ?? 0 },
    {
      enabled: after !== undefined,
      // A session that has ended is one for all pages: asking who is signed in leads to the sign-in page.
      onError: (error) => error.data?.code === 'UNAUTHORIZED' && void utils.me.invalidate(),
      onData: ({ data: entry }) =>
        utils.history.list.setInfiniteData({ ...filter, limit: 100 }, (old) => {
          const [first, ...rest] = old?.pages ?? []
          if (!old || !first || first.entries.some((e) => e.index >= entry.index)) return old
          return {
            ...old,
            pages: [
              { ...first, entries: [entry, ...first.entries], size: Math.max(first.size, entry.index + 1) },
              ...rest,
            ],
          }
        }),
    },
  )
}

export type HistoryVerification = Outputs['audit']['verification']

/** Asked often while one is under way, as progress is what a person waits for. */
export const useVerification = () =>
  trpc.audit.verification.useQuery(undefined, {
    refetchInterval: ({ state }) => (state.data?.running ? 300 : 30_000),
  })

export function useVerify() {
  const utils = trpc.useUtils()
  return trpc.audit.verify.useMutation({ onSuccess: (state) => utils.audit.verification.setData(undefined, state) })
}
