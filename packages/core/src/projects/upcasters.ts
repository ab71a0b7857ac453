import type { Upcasters } from '../kernel/upcast.ts'

const more = { storedMegabytes: null, storedFiles: null, openSessions: null }

/** How changes of projects of earlier versions are read. */
export const projectUpcasters: Upcasters = {
  LimitsChanged: [
    (data) => {
      const { from, to } = data as { from: object; to: object }
      return { from: { ...from, ...more }, to: { ...to, ...more } }
    },
  ],
}
