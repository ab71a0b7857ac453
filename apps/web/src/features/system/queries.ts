import { trpc } from '../../lib/trpc.ts'

export const useHealth = () => trpc.system.health.useQuery(undefined, { refetchInterval: 3_000 })

/** Why the history is not being signed (null while all is well), the read models that stopped, and those that go on without some rows. */
export const useAlarms = () =>
  trpc.system.health.useQuery(undefined, {
    refetchInterval: 30_000,
    select: ({ log: { alarm }, views }) => ({
      alarm,
      stopped: views.flatMap(({ view, stopped }) => (stopped ? [{ view, means: stopped.means }] : [])),
      setAside: views.flatMap(({ view, setAside }) => (setAside ? [{ view, count: setAside.count }] : [])),
    }),
  })
