import { Notice } from '../../components/ui/states.tsx'
import { Badge } from '../../components/ui/surface.tsx'
import { dateTime, distance } from '../../lib/format.ts'
import type { RotationDue } from './queries.ts'

const until = ({ dueAt }: RotationDue) => distance(dueAt)
const rule = ({ maxAgeDays, own }: RotationDue) =>
  `${own ? 'This project rotates its key' : 'Keys are rotated'} after ${maxAgeDays} ${maxAgeDays === 1 ? 'day' : 'days'}.`

/** Only where there is something to do. */
export function DueBadge({ rotation }: { rotation: RotationDue | null }) {
  if (!rotation || rotation.status === 'fine') return null
  return (
    <Badge tone="warn" title={`${rule(rotation)} Due ${dateTime(rotation.dueAt)}`}>
      {rotation.status === 'overdue' ? 'Key overdue' : `Rotate within ${until(rotation)}`}
    </Badge>
  )
}

/** The reminder before, and the warning after. */
export function DueNotice({ rotation }: { rotation: RotationDue | null }) {
  if (!rotation || rotation.status === 'fine') return null
  return rotation.status === 'overdue' ? (
    <Notice tone="warn" title={`The key is overdue for rotation since ${until(rotation)}`}>
      {rule(rotation)}
    </Notice>
  ) : (
    <Notice tone="warn" title={`The key is to be rotated within ${until(rotation)}`}>
      {rule(rotation)} Make a new key at the provider, then rotate it here.
    </Notice>
  )
}

/** "in 12 days", "3 days ago". */
export const DueIn = ({ rotation }: { rotation: RotationDue }) => (
  <time dateTime={new Date(rotation.dueAt).toISOString()} title={dateTime(rotation.dueAt)} className="tnum">
    {rotation.status === 'overdue' ? `${until(rotation)} ago` : `in ${until(rotation)}`}
  </time>
)
