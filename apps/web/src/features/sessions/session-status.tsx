import { Badge } from '../../components/ui/surface.tsx'
import type { Outputs } from '../../lib/trpc.ts'

const looks = {
  active: ['good', 'Active'],
  answering: ['accent', 'Answering'],
  expired: ['neutral', 'Expired'],
  deleted: ['neutral', 'Deleted'],
} as const

export function SessionStatus({ status }: { status: Outputs['sessions']['get']['status'] }) {
  const [tone, text] = looks[status]
  return (
    <Badge tone={tone} dot>
      {text}
    </Badge>
  )
}
