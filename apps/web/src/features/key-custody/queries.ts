import { trpc } from '../../lib/trpc.ts'
import type { Outputs } from '../../lib/trpc.ts'

export type RotationDue = NonNullable<Outputs['llm']['current']['rotation']>

export const usePolicy = (projectId: string) => trpc.keyCustody.policy.useQuery({ projectId })

export function useSetPolicy() {
  const utils = trpc.useUtils()
  const onSettled = () =>
    Promise.all([
      utils.keyCustody.invalidate(),
      utils.llm.current.invalidate(),
      utils.projects.list.invalidate(),
      utils.audit.invalidate(),
      utils.history.invalidate(),
    ])
  return trpc.keyCustody.setPolicy.useMutation({ onSettled })
}
