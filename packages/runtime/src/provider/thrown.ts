import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { APIConnectionError, APIConnectionTimeoutError, APIError, APIUserAbortError } from 'openai'
import { AnswerTooLarge, UnknownPacking } from '../egress/unpacked.ts'
import { classify } from './classify.ts'
import { Aborted, ProviderError } from './errors.ts'
import { errorIn, nothingSaid, reasonIn } from './reading/reason.ts'

/** Any error of a provider call as one of ours. Nothing of the original is kept: it holds headers and bodies. */
export function providerError(error: unknown): ProviderError | Aborted {
  if (error instanceof ProviderError || error instanceof Aborted) return error
  if (error instanceof APIUserAbortError) return new Aborted('the call was stopped')
  if (error instanceof APIConnectionTimeoutError || findCause(error, isTimeout))
    return new ProviderError('compute_unavailable', 'The provider did not answer in time.')
  const own = ownError(error)
  if (own) return own
  if (error instanceof APIConnectionError)
    return new ProviderError('compute_unavailable', 'The provider could not be reached.', null, { retryable: true })
  if (error instanceof APIError && typeof error.status === 'number') {
    const said = error.error === undefined ? reasonIn(bodyOf(error)) : (errorIn({ error: error.error }) ?? nothingSaid)
    return classify({ status: error.status, said, headers: error.headers })
  }
  return new ProviderError('compute_error', 'The provider broke off, or sent an answer that cannot be read.')
}

/** The body of an answer that is no JSON: the SDK makes its message of the status and the body. */
const bodyOf = ({ message }: APIError) => message.replace(/^\d{3} (?:status code \(no body\)$)?/, '')

/** What egress refused or gave up, which the fetch and the SDK wrap in theirs. */
export function ownError(error: unknown): ProviderError | undefined {
  const own = findCause(
    error,
    (at) => at instanceof Refusal || at instanceof AnswerTooLarge || at instanceof UnknownPacking,
  )
  if (own instanceof Refusal) return new ProviderError('compute_unavailable', own.message)
  if (own instanceof AnswerTooLarge) return tooLarge(own)
  if (own)
    return new ProviderError('compute_error', 'The provider packed its answer in a way that this server cannot unpack.')
  return undefined
}

const tooLarge = ({ limitBytes }: AnswerTooLarge) =>
  new ProviderError(
    'compute_error',
    `The provider's answer is larger than ${Math.floor(limitBytes / 1024 / 1024)} MB, the limit of this server. Its operator can raise STEWRD_ANSWER_LIMIT_MB.`,
  )

function findCause(error: unknown, matches: (at: Error) => boolean): Error | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 6; at = at.cause, depth++) if (matches(at)) return at
  return undefined
}

const isTimeout = (at: Error) =>
  at.name === 'TimeoutError' || ('code' in at && typeof at.code === 'string' && /TIMEOUT/.test(at.code))
