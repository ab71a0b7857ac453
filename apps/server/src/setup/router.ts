import { line, Text } from '@stewrd/core/kernel/text.ts'
import { Secret } from '@stewrd/crypto/secret.ts'
import { TRPCError } from '@trpc/server'
import { z } from 'zod'
import { publicProcedure, router } from '../trpc/trpc.ts'

/** What an owner's account is made of, here and on the command line. */
export const OwnerInput = z.strictObject({
  name: line(80, 'The name'),
  email: z.email('This is not an e-mail address.').max(200),
  password: Text.min(10, 'The password is shorter than 10 characters.').max(
    128,
    'The password is longer than 128 characters.',
  ),
})

export const setupRouter = router({
  /** Whether somebody has made the owner's account. Until then `start` prints a one-time link to do so. */
  status: publicProcedure.query(
    async ({ ctx }): Promise<{ ownerExists: boolean }> => ({
      ownerExists: await ctx.platform.setup.ownerExists(),
    }),
  ),
  /** Makes the owner's account with the token of the one-time link. Then sign in as usual. */
  createOwner: publicProcedure
    .input(OwnerInput.extend({ token: Text.max(200) }))
    .mutation(async ({ ctx, input: { token, password, ...owner } }): Promise<{ userId: string }> => {
      const userId = await ctx.platform.setup.createOwner(token, { ...owner, password: new Secret(password) })
      if (userId === undefined)
        throw new TRPCError({
          code: 'FORBIDDEN',
          message: 'This link was used already, or is from an earlier start. Use the link that start printed last.',
        })
      return { userId }
    }),
})
