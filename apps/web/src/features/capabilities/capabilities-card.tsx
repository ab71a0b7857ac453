import type { Capability } from '@stewrd/core/kernel/capabilities.ts'
import { toast } from 'sonner'
import { Failed, Rows } from '../../components/ui/states.tsx'
import { Badge, Card } from '../../components/ui/surface.tsx'
import { Switch } from '../../components/ui/switch.tsx'
import { messageOf, trpc } from '../../lib/trpc.ts'

const about: Record<Capability, { name: string; does: string }> = {
  chat: { name: 'Chat', does: 'Answers messages, with tools of the client’s own if it sends some.' },
  data: { name: 'Data', does: 'Reads, analyses and transforms CSV, JSON and XLSX with SQL.' },
  files: { name: 'Files', does: 'Reads PDF, DOCX, HTML and text, and writes text files.' },
  research: { name: 'Research', does: 'Searches the web and reads pages.' },
  documents: { name: 'Documents', does: 'Makes PDF, DOCX, XLSX and PPTX.' },
  code: { name: 'Code', does: 'Runs code in a sandbox.' },
  browser: { name: 'Browser', does: 'Uses pages in a browser.' },
}

/** What the runs of the project may do. Each change is saved at once, and holds from the next run on. */
export function CapabilitiesCard({ projectId, fixed }: { projectId: string; fixed: boolean }) {
  const utils = trpc.useUtils()
  const offered = trpc.projects.capabilities.useQuery({ projectId })
  const change = trpc.projects.changeCapabilities.useMutation({ onSettled: () => utils.projects.invalidate() })
  const { plan = null, offered: rows = [] } = offered.data ?? {}
  // What is being saved shows at once.
  const enabled = change.isPending
    ? change.variables.capabilities
    : rows.filter((row) => row.enabled).map(({ capability }) => capability)
  const onToggle = async (capability: Capability, on: boolean) => {
    const next = on ? [...enabled, capability] : enabled.filter((other) => other !== capability)
    await change.mutateAsync({ projectId, capabilities: next, commandId: crypto.randomUUID() })
  }
  return (
    <Card
      title="Capabilities"
      description="What runs of this project may do. A run costs the sum of those that it has, and asks for all of them unless it names some."
    >
      {offered.isError ? (
        <Failed error={offered.error} retry={() => void offered.refetch()} />
      ) : offered.isPending ? (
        <Rows count={7} className="h-14" />
      ) : (
        <div className="divide-y">
          {rows.map(({ capability, available, inPlan, credits }) => (
            <div key={capability} className="flex items-center gap-3 px-4 py-3 sm:px-5">
              <div className="min-w-0 flex-1">
                <label
                  htmlFor={`capability-${capability}`}
                  className="flex flex-wrap items-center gap-2 text-sm font-medium"
                >
                  {about[capability].name}
                  {!available && <Badge>Not in this version</Badge>}
                  {available && !inPlan && <Badge>Not in the plan {plan}</Badge>}
                </label>
                <p id={`about-${capability}`} className="text-[13px] text-muted">
                  {about[capability].does}
                </p>
              </div>
              <span className="tnum text-xs whitespace-nowrap text-muted">
                {credits} {credits === 1 ? 'credit' : 'credits'}
              </span>
              <Switch
                id={`capability-${capability}`}
                aria-describedby={`about-${capability}`}
                checked={enabled.includes(capability)}
                // One that was switched on by another version can be switched off.
                disabled={fixed || change.isPending || (!(available && inPlan) && !enabled.includes(capability))}
                onCheckedChange={(on) =>
                  void onToggle(capability, on).catch((error: unknown) => toast.error(messageOf(error)))
                }
              />
            </div>
          ))}
        </div>
      )}
    </Card>
  )
}
