import type { Egress } from '../egress/egress.ts'
import type { Posted } from '../egress/post.ts'
import { ofStatus, ProviderError } from './errors.ts'
import type { Said, Sent } from './send.ts'
import { send } from './send.ts'

const MOST_DETAIL = 400

/** What a provider said of a request that it refused, without the key; only where the request itself was wrong. */
export class RequestRefused extends ProviderError {
  readonly detail: { message: string; param: string | null; code: string | null }
  constructor(status: number, detail: RequestRefused['detail']) {
    super('compute_error', `The provider refused the request (HTTP ${status}): ${detail.message}`, status)
    this.detail = detail
  }
}

/** Sends a chat completion on as it is, and gives the answer back unread once its headers are there. Throws `ProviderError`. */
export const forward = (egress: Pick<Egress, 'post'>, request: Sent): Promise<Posted> =>
  send(egress, request, (answer, said) => refusalOf(answer, said, request.target.key.reveal()))

function refusalOf({ status, headers }: Posted, { message, param, code, type }: Said, key: string): ProviderError {
  const known = ofStatus(status, { code, type, headers })
  if (known.code !== 'compute_error' || (status !== 400 && status !== 422)) return known
  return new RequestRefused(status, {
    message: typeof message === 'string' ? scrubbed(message, key) : 'it gave no reason.',
    param: nameIn(param),
    code: nameIn(code),
  })
}

const nameIn = (value: unknown) => (typeof value === 'string' && /^[\w.[\]-]{1,100}$/.test(value) ? value : null)

/** Without the key, whatever looks like one, and control characters. */
export function scrubbed(text: string, key: string): string {
  const without = text.slice(0, 4 * MOST_DETAIL).replaceAll(key, '[key]')
  const clean = without.replace(/\b(?:sk|pk|key|Bearer)[-_ ][\w*.-]{6,}/gi, '[key]').replace(/[\p{Cc}\p{Cf}]+/gu, ' ')
  return clean.slice(0, MOST_DETAIL)
}
