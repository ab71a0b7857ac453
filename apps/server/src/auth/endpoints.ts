import { Text } from '@stewrd/core/kernel/text.ts'
import { z } from 'zod'

/** Long enough for any password that may be set; hashing a longer one would be work for nothing. */
const Password = Text.min(1).max(128)
const Nothing = z.unknown().transform(() => ({}))

/**
 * The endpoints of the sign-in library that are used, with the fields that they are given; anything else that a client sends is left out.
 * A path that does not stand here is answered with 404.
 */
export const endpoints = {
  '/sign-in/email': z.object({
    email: z.email().max(320),
    password: Password,
    rememberMe: z.boolean().optional(),
  }),
  '/sign-out': Nothing,
  /** Whoever changes a password because somebody else has it must be alone afterwards. */
  '/change-password': z
    .object({ currentPassword: Password, newPassword: Password })
    .transform((body) => ({ ...body, revokeOtherSessions: true })),
  /** Answered by ourselves: the library would look for each by its token, which nobody knows. */
  '/revoke-other-sessions': Nothing,
  '/revoke-sessions': Nothing,
} as const satisfies Record<string, z.ZodType<object>>

export type EndpointPath = keyof typeof endpoints

export const isEndpoint = (path: string): path is EndpointPath => Object.hasOwn(endpoints, path)
