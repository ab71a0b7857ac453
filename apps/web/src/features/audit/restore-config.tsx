import { RotateCcw } from 'lucide-react'
import { useState } from 'react'
import { toast } from 'sonner'
import { Button } from '../../components/ui/button.tsx'
import { ConfirmDialog } from '../../components/ui/confirm-dialog.tsx'
import { Badge, Mono } from '../../components/ui/surface.tsx'
import type { LlmCurrent } from '../llm/queries.ts'
import { useRestore } from '../llm/queries.ts'
import { useAtRest } from '../projects/queries.ts'
import type { ConfigAt } from './queries.ts'

type Props = { projectId: string; then: ConfigAt; now: LlmCurrent; latest: number }

/** Brings the configuration of then back, as new events. Its key comes back only while its sealed value exists. */
export function RestoreConfig({ projectId, then, now, latest }: Props) {
  const [asking, setAsking] = useState(false)
  const restore = useRestore()
  const atRest = useAtRest(projectId)
  const { model: former, keyFingerprint: key, baseUrl } = then.llm.state
  if (typeof former !== 'string' || baseUrl !== now.baseUrl) return null
  const keyBack = key !== now.keyFingerprint && key === now.fallback?.fingerprint
  const destroyed = key !== now.keyFingerprint && !keyBack
  const what = keyBack ? 'configuration' : 'model'
  const gone = destroyed && <Badge title="It was destroyed after it was replaced">Key destroyed</Badge>
  if (former === now.model && !keyBack) return gone || null
  return (
    <>
      {gone}
      <Button size="sm" why={atRest} onClick={() => setAsking(true)}>
        <RotateCcw aria-hidden /> Restore this {what}
      </Button>
      <ConfirmDialog
        open={asking}
        onOpenChange={setAsking}
        title={`Restore the ${what} of revision ${then.llm.revision}?`}
        confirm={`Restore ${what}`}
        busy={restore.isPending}
        error={restore.error}
        onConfirm={async () => {
          const done = await restore.mutateAsync({
            projectId,
            revision: then.llm.revision,
            reason: `Restored from revision ${then.llm.revision}`,
            expectedRevision: latest,
            commandId: crypto.randomUUID(),
          })
          toast.success(`${former} is in use again, as revision ${done.revision}.`, {
            description: said[done.key],
          })
          setAsking(false)
        }}
      >
        {former !== now.model && (
          <>
            New runs use <Mono className="text-text">{former}</Mono> in place of{' '}
            <Mono className="text-text">{now.model}</Mono>.{' '}
          </>
        )}
        {keyBack ? (
          <>
            The key <Mono className="text-text">{key}</Mono> comes back too: its value still exists. The key in use now
            is destroyed.
          </>
        ) : destroyed ? (
          <>
            The key of then, <Mono className="text-text">{key}</Mono>, was destroyed after it was replaced and cannot
            come back: the key in use stays.
          </>
        ) : (
          'Provider and key stay as they are now.'
        )}{' '}
        The history keeps everything.
      </ConfirmDialog>
    </>
  )
}

const said = {
  same: 'The key stayed as it was.',
  restored: 'Its key is in use again too.',
  destroyed: 'Its key was destroyed after it was replaced; the key in use stays.',
}
