import type { Person } from '../auth/people.ts'
import type { Platform } from '../platform.ts'

/** What a procedure starts with. The session is looked up by the first procedure that needs it. */
export type RequestContext = {
  platform: Platform
  requestId: string
  session(): Promise<Person | undefined>
}
