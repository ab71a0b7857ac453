import { RotateCcw } from 'lucide-react'
import { useState } from 'react'
import { toast } from 'sonner'
import { Button } from '../../components/ui/button.tsx'
import { ConfirmDialog } from '../../components/ui/confirm-dialog.tsx'
import { useChangeModel } from '../llm/queries.ts'
import type { ConfigAt } from './queries.ts'

type Props = { projectId: string; then: ConfigAt; model: string | null; latest: number }

/** Brings the model of then back, as a new event. Keys do not come back: they are replaced, not restored. */
export function RestoreModel({ projectId, then, model, latest }: Props) {
  const [asking, setAsking] = useState(false)
  const change = useChangeModel()
  const former = then.llm.state.model
  if (typeof former !== 'string' || former === model) return null
  return (
    <>
      <Button size="sm" onClick={() => setAsking(true)}>
        <RotateCcw aria-hidden /> Restore this model
      </Button>
      <ConfirmDialog
        open={asking}
        onOpenChange={setAsking}
        title={`Restore the model of revision ${then.llm.revision}?`}
        confirm="Restore model"
        busy={change.isPending}
        error={change.error}
        onConfirm={async () => {
          const reason = `Restored from revision ${then.llm.revision}`
          const { revision } = await change.mutateAsync({
            projectId,
            model: former,
            reason,
            expectedRevision: latest,
            commandId: crypto.randomUUID(),
          })
          toast.success(`${former} is in use again, as revision ${revision}.`)
          setAsking(false)
        }}
      >
        New runs use <span className="font-mono text-text">{former}</span> in place of{' '}
        <span className="font-mono text-text">{model}</span>. Provider and key stay as they are now. The history keeps
        everything.
      </ConfirmDialog>
    </>
  )
}
