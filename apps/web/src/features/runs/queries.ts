import { trpc } from '../../lib/trpc.ts'
import { keepPreviousData } from '@tanstack/react-query'
import type { Inputs, Outputs } from '../../lib/trpc.ts'

export type RunFilter = Pick<Inputs['runs']['list'], 'status' | 'model' | 'keyFingerprint' | 'sessionId'>
export type RunRow = Outputs['runs']['list']['runs'][number]

export type RunDetail = Outputs['runs']['get']
export type RunStep = RunDetail['events'][number]

export const useRuns = (projectId: string, filter: RunFilter = {}) =>
  trpc.runs.list.useInfiniteQuery(
    { projectId, limit: 50, ...filter },
    { getNextPageParam: (page) => page.nextCursor, refetchInterval: 5_000, placeholderData: keepPreviousData },
  )
export const useRun = (projectId: string, runId: string) =>
  trpc.runs.get.useQuery(
    { projectId, runId },
    { refetchInterval: (query) => (['running', 'waiting'].includes(query.state.data?.status ?? '') ? 1_000 : false) },
  )
