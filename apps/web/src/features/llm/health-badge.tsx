import { Badge } from '../../components/ui/surface.tsx'
import { dateTime } from '../../lib/format.ts'
import type { LlmCurrent } from './queries.ts'

const looks = {
  verified: { tone: 'good', label: 'Verified' },
  rejected: { tone: 'bad', label: 'Rejected' },
  unreachable: { tone: 'warn', label: 'Not verified' },
  unchecked: { tone: 'neutral', label: 'Not checked' },
} as const

/** What the provider last said about a key. Never "connected" for a key that it did not look at. */
export function HealthBadge({ health }: { health: LlmCurrent['health'] }) {
  const { tone, label } = looks[health.status]
  const title = [health.reason, health.checkedAt && `Checked ${dateTime(health.checkedAt)}`].filter(Boolean).join(' · ')
  return (
    <Badge tone={tone} dot title={title || undefined}>
      Key {label.toLowerCase()}
    </Badge>
  )
}
