import { trpc } from '../../lib/trpc.ts'
import type { Outputs } from '../../lib/trpc.ts'

export type LlmCurrent = Outputs['llm']['current']
export type KeyTest = Outputs['llm']['test']

/** Asked anew by every page that opens: a change is made against the revision that is seen here. */
export const useLlm = (projectId: string) =>
  trpc.llm.current.useQuery({ projectId }, { refetchInterval: 15_000, refetchOnMount: 'always' })

/** A change of the configuration is seen on every page that shows it. */
function useRefresh() {
  const utils = trpc.useUtils()
  return () =>
    Promise.all([
      utils.llm.current.invalidate(),
      utils.projects.list.invalidate(),
      utils.audit.invalidate(),
      utils.history.invalidate(),
    ])
}
export function useSetLlm() {
  const refresh = useRefresh()
  return trpc.llm.set.useMutation({ onSettled: refresh })
}
export function useRotateKey() {
  const refresh = useRefresh()
  return trpc.llm.rotate.useMutation({ onSettled: refresh })
}
export function useStageKey() {
  const refresh = useRefresh()
  return trpc.llm.stage.useMutation({ onSettled: refresh })
}
export function useActivateKey() {
  const refresh = useRefresh()
  return trpc.llm.activate.useMutation({ onSettled: refresh })
}
export function useUnstageKey() {
  const refresh = useRefresh()
  return trpc.llm.unstage.useMutation({ onSettled: refresh })
}
export function useRollBack() {
  const refresh = useRefresh()
  return trpc.llm.rollBack.useMutation({ onSettled: refresh })
}
export function useEndOverlap() {
  const refresh = useRefresh()
  return trpc.llm.endOverlap.useMutation({ onSettled: refresh })
}
export function useRestore() {
  const refresh = useRefresh()
  return trpc.llm.restore.useMutation({ onSettled: refresh })
}
export function useRemoveProvider() {
  const refresh = useRefresh()
  return trpc.llm.remove.useMutation({ onSettled: refresh })
}
export function useTestKey() {
  const refresh = useRefresh()
  return trpc.llm.test.useMutation({ onSettled: refresh })
}
export const useModels = () => trpc.llm.models.useMutation()
