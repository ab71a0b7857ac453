import { trpc } from '../../lib/trpc.ts'
import type { Outputs } from '../../lib/trpc.ts'

export type Entry = Outputs['credits']['entries']['entries'][number]

export const useEntries = () =>
  trpc.credits.entries.useInfiniteQuery({ limit: 10 }, { getNextPageParam: (page) => page.nextCursor })
