import type { Upcasters } from '../kernel/upcast.ts'

/** How sessions of earlier versions are read. */
export const sessionUpcasters: Upcasters = {
  SessionMessageEnded: [(data) => ({ ...(data as object), files: [] })],
}
