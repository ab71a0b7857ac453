import { useState } from 'react'
import { toast } from 'sonner'
import { Button } from '../../components/ui/button.tsx'
import { ConfirmDialog } from '../../components/ui/confirm-dialog.tsx'
import { Mono } from '../../components/ui/surface.tsx'
import { HealthBadge } from './health-badge.tsx'
import { OverlapField } from './overlap.tsx'
import { Panel } from './panel.tsx'
import type { LlmCurrent } from './queries.ts'
import { useActivateKey, useUnstageKey } from './queries.ts'

type Props = { projectId: string; llm: LlmCurrent; staged: NonNullable<LlmCurrent['staged']> }

/** A key that is ready and not in use: put it into use, or give it up. */
export function StagedPanel({ projectId, llm, staged }: Props) {
  const [asking, setAsking] = useState<'activate' | 'give-up'>()
  const [minutes, setMinutes] = useState(60)
  const activate = useActivateKey()
  const unstage = useUnstageKey()
  const close = () => setAsking(undefined)
  const change = { projectId, expectedRevision: llm.revision }
  return (
    <Panel
      title="A key is staged"
      actions={
        <>
          <Button size="sm" look="primary" onClick={() => setAsking('activate')}>
            Activate
          </Button>
          <Button size="sm" onClick={() => setAsking('give-up')}>
            Give up
          </Button>
        </>
      }
    >
      <span className="flex flex-wrap items-center gap-2">
        <Mono>{staged.fingerprint}</Mono> <HealthBadge health={staged.health} /> No run uses it yet.
      </span>
      <ConfirmDialog
        open={asking === 'activate'}
        onOpenChange={close}
        title="Activate the staged key?"
        confirm={activate.isPending ? 'Verifying' : 'Activate key'}
        busy={activate.isPending}
        error={activate.error}
        onConfirm={async () => {
          const input = { ...change, overlapMinutes: minutes, commandId: crypto.randomUUID() }
          const { warning } = await activate.mutateAsync(input)
          if (warning) toast.warning('Activated, but the key is not verified.', { description: warning })
          else toast.success('Activated. New runs use the new key.')
          close()
        }}
      >
        <p className="mb-3">
          It is verified once more by a call of <Mono className="text-text">{llm.model}</Mono>, as runs make it. If the
          provider refuses it, nothing changes.
        </p>
        <OverlapField value={minutes} onChange={setMinutes} />
      </ConfirmDialog>
      <ConfirmDialog
        open={asking === 'give-up'}
        onOpenChange={close}
        title="Give the staged key up?"
        confirm="Give up"
        danger
        busy={unstage.isPending}
        error={unstage.error}
        onConfirm={async () => {
          await unstage.mutateAsync({ ...change, commandId: crypto.randomUUID() })
          toast.success('The staged key is destroyed.')
          close()
        }}
      >
        Its value is destroyed here. The key in use stays.
      </ConfirmDialog>
    </Panel>
  )
}
