import { Badge } from '../../components/ui/surface.tsx'
import type { Delivery } from './queries.ts'

const tones = { delivered: 'good', pending: 'warn', failed: 'bad' } as const
const labels = { delivered: 'Delivered', pending: 'Pending', failed: 'Failed' } as const

export const DeliveryStatus = ({ status }: Pick<Delivery, 'status'>) => (
  <Badge tone={tones[status]} dot>
    {labels[status]}
  </Badge>
)

const problems: Record<string, string> = {
  HTTP_STATUS: 'The receiver did not answer with a 2xx status.',
  REDIRECT_REFUSED: 'The receiver redirects elsewhere, and redirects are not followed.',
  ADDRESS_REFUSED: 'The address is private or plain http, and the operator has not allowed it.',
  TIMEOUT: 'The receiver did not answer in time.',
  UNREACHABLE: 'The receiver could not be reached.',
  PROJECT_AT_REST: 'The project was archived, or is to be shredded.',
  WEBHOOK_REMOVED: 'The webhook was removed.',
  NOTHING_TO_TELL: 'What it was about is no longer so.',
  CONTENT_UNREADABLE: 'The content cannot be opened.',
}

/** What went wrong with the last attempt; undefined when nothing did. */
export const problemOf = ({ error }: Pick<Delivery, 'error'>): string | undefined =>
  error === null ? undefined : (problems[error] ?? 'It failed.')
