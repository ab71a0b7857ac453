import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { Text } from '@stewrd/core/kernel/text.ts'
import { Secret } from '@stewrd/crypto/secret.ts'
import { z } from 'zod'
import type { Attempt } from '../auth/throttle.ts'
import { router, sessionProcedure } from '../trpc/trpc.ts'

/** What a person does about their own account here. Signing in and out is better-auth's, under /api/auth. */
export const accountRouter = router({
  /** Enters the password again: for five minutes, what asks for a fresh password is allowed in this session. */
  confirmPassword: sessionProcedure
    .input(z.strictObject({ password: Text.min(1, 'Enter your password.').max(128, 'is longer than 128 characters.') }))
    .mutation(async ({ ctx, input }): Promise<{ confirmed: true }> => {
      const { throttle, freshPassword } = ctx.platform.auth
      const attempt: Attempt = { kind: 'session', sessionId: ctx.sessionId }
      const wait = await throttle.admit(attempt)
      if (wait > 0) throw new Refusal('TOO_MANY_ATTEMPTS', { retryAfter: wait })
      const session = { id: ctx.sessionId, userId: ctx.user.id }
      if (!(await freshPassword.confirm(session, new Secret(input.password)))) throw new Refusal('PASSWORD_WRONG', {})
      await throttle.takeBack(attempt)
      return { confirmed: true }
    }),
})
