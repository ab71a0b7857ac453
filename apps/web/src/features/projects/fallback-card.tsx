import { toast } from 'sonner'
import { Card, Mono } from '../../components/ui/surface.tsx'
import { Switch } from '../../components/ui/switch.tsx'
import { messageOf, trpc } from '../../lib/trpc.ts'

/** Whether runs go on with the server's own model when the project's provider fails. Not there where the server has none. */
export function FallbackCard({ projectId, fixed }: { projectId: string; fixed: boolean }) {
  const utils = trpc.useUtils()
  const fallback = trpc.projects.fallback.useQuery({ projectId })
  const change = trpc.projects.switchDefaultModel.useMutation({ onSettled: () => utils.projects.invalidate() })
  if (!fallback.data?.model) return null
  const { allowed, model } = fallback.data
  return (
    <Card title="When the provider fails">
      <div className="flex items-center gap-4 px-4 py-3.5 sm:px-5">
        <div className="min-w-0 flex-1">
          <label htmlFor="falls-back" className="text-sm font-medium">
            Go on with the server’s own model
          </label>
          <p id="about-falls-back" className="text-[13px] text-muted">
            Runs that fail on this project’s key are answered by <Mono className="text-xs">{model}</Mono>, before any
            text was sent. Each one says so: in its answer, on its page and in the history. Calls of{' '}
            <Mono className="text-xs">/v1/chat/completions</Mono> fail as they do.
          </p>
        </div>
        <Switch
          id="falls-back"
          aria-describedby="about-falls-back"
          checked={change.isPending ? change.variables.allowed : allowed}
          disabled={fixed || change.isPending}
          onCheckedChange={(on) =>
            change.mutate(
              { projectId, allowed: on, commandId: crypto.randomUUID() },
              { onError: (error) => toast.error(messageOf(error)) },
            )
          }
        />
      </div>
    </Card>
  )
}
