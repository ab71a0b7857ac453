import { trpc } from '../../lib/trpc.ts'
import type { Outputs } from '../../lib/trpc.ts'

export type Usage = Outputs['projects']['usage']
export type Budget = Usage['budgets'][number]

/** Runs change it all the time; nobody tells the page. */
export const useUsage = (projectId: string) => trpc.projects.usage.useQuery({ projectId }, { refetchInterval: 15_000 })

export function useChangeLimits() {
  const utils = trpc.useUtils()
  const onSettled = () =>
    Promise.all([utils.projects.usage.invalidate(), utils.projects.get.invalidate(), utils.history.invalidate()])
  return trpc.projects.changeLimits.useMutation({ onSettled })
}
