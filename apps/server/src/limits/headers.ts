import type { Meters } from '@stewrd/core/kernel/execute.ts'
import type { FastifyReply } from 'fastify'

/** `x-ratelimit-*`: places in the minute, how many are left, and the seconds until the next one is free. Nothing where there is no limit. */
export function limitHeaders(reply: FastifyReply, minute: Meters['minute'] | undefined): void {
  if (!minute) return
  reply.header('x-ratelimit-limit', String(minute.limit))
  reply.header('x-ratelimit-remaining', String(minute.remaining))
  reply.header('x-ratelimit-reset', String(minute.resetSeconds))
}
