import { trpc } from '../../lib/trpc.ts'
import type { Outputs } from '../../lib/trpc.ts'

export type MasterKeyRow = Outputs['keys']['list']['keys'][number]

/** Every second while a rotation moves values, and now and then otherwise. */
export const useMasterKeys = (busy: boolean) =>
  trpc.keys.list.useQuery(undefined, {
    refetchInterval: ({ state }) => (busy || state.data?.rotation ? 1_000 : 10_000),
  })

export function useRotateMaster() {
  const utils = trpc.useUtils()
  return trpc.keys.rotate.useMutation({
    onSettled: () => Promise.all([utils.keys.invalidate(), utils.history.invalidate()]),
  })
}

export function useRetireKey() {
  const utils = trpc.useUtils()
  return trpc.keys.retire.useMutation({
    onSettled: () => Promise.all([utils.keys.invalidate(), utils.history.invalidate()]),
  })
}
