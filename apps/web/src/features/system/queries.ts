import { trpc } from '../../lib/trpc.ts'

export const useHealth = () => trpc.system.health.useQuery(undefined, { refetchInterval: 3_000 })
