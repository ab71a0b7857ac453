import { createHash } from 'node:crypto'
import type { FastifyReply } from 'fastify'

/** Headers that every answer carries. */
const always = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=(), usb=()',
}

/** Nothing but the server's own files runs in the dashboard. Inline scripts of its page are named by hash. */
export function contentSecurityPolicy(html = ''): string {
  const inline = [...html.matchAll(/<script(?![^>]*\bsrc=)[^>]*>([\s\S]*?)<\/script>/g)].map((match) =>
    hashOf(match[1]!),
  )
  return [
    "default-src 'self'",
    `script-src 'self'${inline.map((hash) => ` '${hash}'`).join('')}`,
    // Components set styles on elements and in style tags; a style cannot read or send anything under the rest of this policy.
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    "connect-src 'self'",
    "worker-src 'self' blob:",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ')
}

/** `csp` replaces the default of answers that are no pages: nothing at all may run in those. */
export function setSecurityHeaders(reply: FastifyReply, { https }: { https: boolean }): void {
  reply.headers(always)
  if (!reply.hasHeader('content-security-policy'))
    reply.header('content-security-policy', "default-src 'none'; frame-ancestors 'none'")
  // Answers name the host that they were asked under; a cache that was not told otherwise may keep even a 404.
  if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store')
  if (https) reply.header('strict-transport-security', 'max-age=31536000')
}

const hashOf = (script: string) => `sha256-${createHash('sha256').update(script).digest('base64')}`
