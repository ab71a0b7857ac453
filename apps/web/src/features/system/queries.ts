import { trpc } from '../../lib/trpc.ts'

export const useHealth = () => trpc.system.health.useQuery(undefined, { refetchInterval: 3_000 })

/** Why the history is not being signed; null while all is well. */
export const useLogAlarm = () =>
  trpc.system.health.useQuery(undefined, { refetchInterval: 30_000, select: ({ log }) => log.alarm })
