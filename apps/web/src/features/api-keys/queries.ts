import { trpc } from '../../lib/trpc.ts'

export const useApiKey = (projectId: string) => trpc.apiKeys.current.useQuery({ projectId })
export function useRegenerateApiKey() {
  const utils = trpc.useUtils()
  return trpc.apiKeys.regenerate.useMutation({ onSettled: () => utils.apiKeys.invalidate() })
}
export function useRevokeApiKey() {
  const utils = trpc.useUtils()
  return trpc.apiKeys.revoke.useMutation({ onSettled: () => utils.apiKeys.invalidate() })
}
