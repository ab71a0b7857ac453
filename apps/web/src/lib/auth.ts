import { createAuthClient } from 'better-auth/react'

/** Sign-in and sign-out; the session itself is a cookie that no script can read. */
export const auth = createAuthClient({ basePath: '/api/auth' })
