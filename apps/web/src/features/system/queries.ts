import { trpc } from '../../lib/trpc.ts'

export const useHealth = () => trpc.system.health.useQuery(undefined, { refetchInterval: 3_000 })

/** Why the history is not being signed, or a disk not written (null while all is well), the read models that stopped or go on without some rows, and nodes whose clocks are off. */
export const useAlarms = () =>
  trpc.system.health.useQuery(undefined, {
    refetchInterval: 30_000,
    select: ({ disk, log: { alarm }, views, clock }) => ({
      alarm,
      disk,
      clocks: clock.nodesOff,
      stopped: views.flatMap(({ view, stopped }) => (stopped ? [{ view, means: stopped.means }] : [])),
      setAside: views.flatMap(({ view, setAside }) => (setAside ? [{ view, count: setAside.count }] : [])),
    }),
  })
