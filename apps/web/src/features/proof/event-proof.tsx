import { Notice, Skeleton } from '../../components/ui/states.tsx'
import { Badge } from '../../components/ui/surface.tsx'
import { At } from '../../components/ui/time.tsx'
import { count } from '../../lib/format.ts'
import { messageOf } from '../../lib/trpc.ts'
import { useEventProof } from './queries.ts'

/** Whether this event stands in the signed log as it is stored: computed when it is opened. */
export function EventProof({ index }: { index: number }) {
  const proof = useEventProof(index)
  if (proof.isError) return <span className="text-muted">{messageOf(proof.error)}</span>
  if (!proof.data) return <Skeleton className="h-6 w-48" />
  if (proof.data.status === 'wrong')
    return (
      <Notice tone="bad" title="Not what was signed">
        <span className="break-words">{proof.data.message}</span>
      </Notice>
    )
  if (proof.data.status === 'waiting') return <Badge tone="warn">Waiting for a signature</Badge>
  const { place, checkpoint } = proof.data
  return (
    <span className="flex flex-wrap items-center gap-x-2 gap-y-1">
      <Badge tone="good" dot>
        Proved
      </Badge>
      <span className="text-muted">
        in the log at <span className="tnum">{count(place)}</span>, covered by the checkpoint of{' '}
        <span className="tnum">{count(checkpoint.size)}</span> events, signed <At at={checkpoint.at} />
      </span>
    </span>
  )
}
