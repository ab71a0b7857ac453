import type { KeyObject } from 'node:crypto'
import { createHmac, timingSafeEqual } from 'node:crypto'

/** A URL is good for so long. */
export const URL_MS = 24 * 60 * 60_000

export type FileUrls = {
  /** The path under which anybody may fetch the file for 24 hours. It names no key and no project. */
  path(fileId: string, name: string): string
  /** Whether a path was made here and is still good. */
  check(fileId: string, query: { name: string; expires: string; signature: string }): 'good' | 'expired' | 'forged'
}

/** Signed with a key of the deployment, over id, name and expiry. */
export function fileUrls(key: KeyObject, now: () => number): FileUrls {
  const sign = (fileId: string, name: string, expires: string) =>
    createHmac('sha256', key).update(`stewrd/file-url/v1\0${fileId}\0${expires}\0${name}`).digest()
  return {
    path(fileId, name) {
      const expires = String(Math.floor((now() + URL_MS) / 1000))
      const query = new URLSearchParams({ name, expires, signature: sign(fileId, name, expires).toString('hex') })
      return `/v1/files/${fileId}/content?${query.toString()}`
    },
    check(fileId, { name, expires, signature }) {
      const given = Buffer.from(signature, 'hex')
      const expected = sign(fileId, name, expires)
      if (given.length !== expected.length || !timingSafeEqual(given, expected)) return 'forged'
      return now() > Number(expires) * 1000 ? 'expired' : 'good'
    },
  }
}
