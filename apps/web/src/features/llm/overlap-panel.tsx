import { useState } from 'react'
import { toast } from 'sonner'
import { Button } from '../../components/ui/button.tsx'
import { ConfirmDialog } from '../../components/ui/confirm-dialog.tsx'
import { Mono } from '../../components/ui/surface.tsx'
import { dateTime, distance } from '../../lib/format.ts'
import { Panel } from './panel.tsx'
import type { LlmCurrent } from './queries.ts'
import { useEndOverlap, useRollBack } from './queries.ts'

type Props = { projectId: string; llm: LlmCurrent; fallback: NonNullable<LlmCurrent['fallback']> }

/** While the old key is a fallback: until when, and the two ways out of it. */
export function OverlapPanel({ projectId, llm, fallback }: Props) {
  const [asking, setAsking] = useState<'back' | 'end'>()
  const back = useRollBack()
  const end = useEndOverlap()
  const close = () => setAsking(undefined)
  const change = { projectId, expectedRevision: llm.revision }
  return (
    <Panel
      title="The old key is a fallback"
      actions={
        <>
          <Button size="sm" onClick={() => setAsking('back')}>
            Roll back
          </Button>
          <Button size="sm" onClick={() => setAsking('end')}>
            End overlap
          </Button>
        </>
      }
    >
      Runs use <Mono>{fallback.fingerprint}</Mono> only when the provider answers 401 to the key in use. It is destroyed{' '}
      <time dateTime={new Date(fallback.until).toISOString()} title={dateTime(fallback.until)}>
        in {distance(fallback.until)}
      </time>
      .
      <ConfirmDialog
        open={asking === 'back'}
        onOpenChange={close}
        title="Roll back to the old key?"
        confirm="Roll back"
        busy={back.isPending}
        error={back.error}
        onConfirm={async () => {
          await back.mutateAsync({ ...change, commandId: crypto.randomUUID() })
          toast.success('Rolled back. New runs use the old key again.')
          close()
        }}
      >
        New runs use <Mono className="text-text">{fallback.fingerprint}</Mono> again. The key{' '}
        <Mono className="text-text">{llm.keyFingerprint}</Mono> is destroyed here; to use it later, enter it again.
      </ConfirmDialog>
      <ConfirmDialog
        open={asking === 'end'}
        onOpenChange={close}
        title="End the overlap now?"
        confirm="End overlap"
        danger
        busy={end.isPending}
        error={end.error}
        onConfirm={async () => {
          await end.mutateAsync({ ...change, commandId: crypto.randomUUID() })
          toast.success('Ended. The old key is destroyed.')
          close()
        }}
      >
        The value of <Mono className="text-text">{fallback.fingerprint}</Mono> is destroyed. Nothing can be rolled back
        to any more.
      </ConfirmDialog>
    </Panel>
  )
}
