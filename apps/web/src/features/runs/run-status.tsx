import { Badge } from '../../components/ui/surface.tsx'

const looks = {
  completed: ['good', 'Completed'],
  failed: ['bad', 'Failed'],
  running: ['accent', 'Running'],
  waiting: ['warn', 'Waits for tool outputs'],
  cancelled: ['neutral', 'Stopped'],
} as const
/** What a status is called. */
export const statusName = (status: RunState): string => looks[status][1]

export type RunState = keyof typeof looks

export const RunStatus = ({ status, error }: { status: RunState; error: string | null }) => (
  <Badge tone={looks[status][0]} dot title={error ?? undefined}>
    {looks[status][1]}
  </Badge>
)

export function KeySource({ source }: { source: 'project' | 'default' | 'demo' }) {
  if (source === 'demo') return <Badge tone="warn">Demo model</Badge>
  return source === 'default' ? <Badge tone="accent">Server default</Badge> : <Badge>Own key</Badge>
}
