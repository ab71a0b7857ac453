import type { Outputs } from '../../lib/trpc.ts'
import { trpc } from '../../lib/trpc.ts'

export type Shredded = Outputs['projects']['listShredded'][number]

/** Asked often while servers are still at it. */
export const useShredding = (projectId: string, enabled: boolean) =>
  trpc.projects.shredding.useQuery(
    { projectId },
    { enabled, refetchInterval: ({ state }) => (state.data?.state === 'destroying' ? 1_000 : false) },
  )

export const useShreddedProjects = () => trpc.projects.listShredded.useQuery()

/** Everything of the project reads again: little of it is left. */
export function useShred() {
  const utils = trpc.useUtils()
  return trpc.projects.shred.useMutation({ onSettled: () => utils.invalidate() })
}
export function useCancelShred() {
  const utils = trpc.useUtils()
  return trpc.projects.cancelShred.useMutation({ onSettled: () => utils.projects.invalidate() })
}
