import { trpc } from '../../lib/trpc.ts'
import type { Outputs } from '../../lib/trpc.ts'

export type RunRow = Outputs['runs']['list']['runs'][number]

export type RunDetail = Outputs['runs']['get']
export type RunStep = RunDetail['timeline'][number]

export const useRuns = (projectId: string) =>
  trpc.runs.list.useInfiniteQuery(
    { projectId, limit: 50 },
    { getNextPageParam: (page) => page.nextCursor, refetchInterval: 5_000 },
  )
export const useRun = (projectId: string, runId: string) =>
  trpc.runs.get.useQuery(
    { projectId, runId },
    { refetchInterval: (query) => (['running', 'waiting'].includes(query.state.data?.status ?? '') ? 1_000 : false) },
  )
