import type { Session } from '../auth/auth.ts'
import type { Platform } from '../platform.ts'

/** What a procedure starts with. The session is looked up by the first procedure that needs it. */
export type RequestContext = {
  platform: Platform
  requestId: string
  session(): Promise<Session | undefined>
}
