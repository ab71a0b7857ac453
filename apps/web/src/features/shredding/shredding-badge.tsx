import { Badge } from '../../components/ui/surface.tsx'
import type { Shredded } from './queries.ts'

export function ShreddingBadge({ state }: Pick<Shredded, 'state'>) {
  if (state === 'complete') return <Badge tone="good">Shredded</Badge>
  if (state === 'pending') return <Badge tone="warn">Pending</Badge>
  return <Badge tone="warn">Being shredded</Badge>
}
