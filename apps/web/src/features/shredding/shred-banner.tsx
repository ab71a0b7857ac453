import { useState } from 'react'
import { Button } from '../../components/ui/button.tsx'
import { Notice } from '../../components/ui/states.tsx'
import { At } from '../../components/ui/time.tsx'
import { distance } from '../../lib/format.ts'
import { messageOf } from '../../lib/trpc.ts'
import { useCancelShred } from './queries.ts'
import { ShredDialog } from './shred-dialog.tsx'

/** Stands on every page of a project that is to be shredded, with the way back. */
export function ShredBanner({ projectId, name, dueAt }: { projectId: string; name: string; dueAt: number }) {
  const cancel = useCancelShred()
  const [asking, setAsking] = useState(false)
  return (
    <div className="mb-5">
      <Notice tone="warn" title="This project is to be shredded">
        <p>
          At <At at={dueAt} />, in {distance(dueAt)}, its keys are destroyed and nothing of its contents can be read
          again. Until then it is at rest: nothing runs, and nothing can be changed.
        </p>
        {cancel.isError && <p className="mt-1 text-bad">{messageOf(cancel.error)}</p>}
        <div className="mt-2.5 flex flex-wrap gap-2">
          <Button size="sm" busy={cancel.isPending} onClick={() => cancel.mutate({ projectId })}>
            Cancel the shredding
          </Button>
          <Button size="sm" look="danger" onClick={() => setAsking(true)}>
            Shred now…
          </Button>
        </div>
      </Notice>
      <ShredDialog projectId={projectId} name={name} now open={asking} onOpenChange={setAsking} />
    </div>
  )
}
