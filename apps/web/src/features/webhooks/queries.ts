import { trpc } from '../../lib/trpc.ts'
import type { Outputs } from '../../lib/trpc.ts'

export type Webhook = NonNullable<Outputs['webhooks']['current']['webhook']>
export type Delivery = Outputs['webhooks']['deliveries']['deliveries'][number]

export const useWebhook = (projectId: string) =>
  trpc.webhooks.current.useQuery({ projectId }, { refetchOnMount: 'always' })

/** Looked at again while somebody watches: a delivery is under way for minutes at most. */
export const useDeliveries = (projectId: string) =>
  trpc.webhooks.deliveries.useInfiniteQuery(
    { projectId },
    { getNextPageParam: (page) => page.nextCursor ?? undefined, refetchInterval: 3000 },
  )
export const useDelivery = (projectId: string, deliveryId: string) =>
  trpc.webhooks.delivery.useQuery({ projectId, deliveryId }, { refetchInterval: 3000 })

function useRefresh() {
  const utils = trpc.useUtils()
  return () => Promise.all([utils.webhooks.invalidate(), utils.history.invalidate()])
}
export function useSetWebhook() {
  const refresh = useRefresh()
  return trpc.webhooks.set.useMutation({ onSettled: refresh })
}
export function useRegenerateSecret() {
  const refresh = useRefresh()
  return trpc.webhooks.regenerateSecret.useMutation({ onSettled: refresh })
}
export function useChangeEvents() {
  const refresh = useRefresh()
  return trpc.webhooks.changeEvents.useMutation({ onSettled: refresh })
}
export function useRemoveWebhook() {
  const refresh = useRefresh()
  return trpc.webhooks.remove.useMutation({ onSettled: refresh })
}
export function useSendTest() {
  const refresh = useRefresh()
  return trpc.webhooks.sendTest.useMutation({ onSettled: refresh })
}
export function useRetryDelivery() {
  const refresh = useRefresh()
  return trpc.webhooks.retry.useMutation({ onSettled: refresh })
}
