import { trpc } from '../../lib/trpc.ts'

export const useHealth = () => trpc.system.health.useQuery(undefined, { refetchInterval: 3_000 })

/** Why the history is not being signed (null while all is well), and the read models that stopped. */
export const useAlarms = () =>
  trpc.system.health.useQuery(undefined, {
    refetchInterval: 30_000,
    select: ({ log: { alarm }, views }) => ({
      alarm,
      stopped: views.flatMap(({ view, stopped }) => (stopped ? [{ view, means: stopped.means }] : [])),
    }),
  })
