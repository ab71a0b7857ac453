import { useState } from 'react'
import { toast } from 'sonner'
import { Button } from '../../components/ui/button.tsx'
import { Dialog, DialogFooter } from '../../components/ui/dialog.tsx'
import { Field, Input } from '../../components/ui/field.tsx'
import { Notice } from '../../components/ui/states.tsx'
import { messageOf, refusalOf } from '../../lib/trpc.ts'
import { differenceOf } from './differences.ts'
import { KeyTestResult } from './key-test-result.tsx'
import type { LlmCurrent } from './queries.ts'
import { OverlapField } from './overlap.tsx'
import { useRotateKey, useStageKey, useTestKey } from './queries.ts'
import { StaleNotice } from './stale-notice.tsx'

/** A new key in the place of the one in use; tested first, in force for every run that starts afterwards. */
export function RotateKeyDialog({
  projectId,
  current,
  onClose,
}: {
  projectId: string
  current: LlmCurrent
  onClose: () => void
}) {
  const [base, setBase] = useState(current)
  const [key, setKey] = useState('')
  const [reason, setReason] = useState('')
  const [overlapMinutes, setOverlap] = useState(0)
  const rotate = useRotateKey()
  const stage = useStageKey()
  const test = useTestKey()
  const refusal = refusalOf(rotate.error)
  const stale = refusal?.code === 'REVISION_MOVED'
  const field = refusal?.code === 'INVALID_INPUT' ? refusal.details.field : undefined
  const change = () => ({
    projectId,
    key,
    expectedRevision: base.revision,
    commandId: crypto.randomUUID(),
    ...(reason.trim() && { reason }),
  })
  const keepReady = async () => {
    const { warning } = await stage.mutateAsync(change())
    if (warning) toast.warning('Staged, but the key is not verified.', { description: warning })
    else toast.success('Staged. No run uses it until you activate it.')
    onClose()
  }
  const submit = async () => {
    const { warning } = await rotate.mutateAsync({ ...change(), overlapMinutes })
    if (warning) toast.warning('Rotated, but the new key is not verified.', { description: warning })
    else
      toast.success('Rotated. No run starts on the old key any more.', {
        description: overlapMinutes === 0 ? 'Its value is destroyed.' : 'It stays as a fallback for the overlap.',
      })
    onClose()
  }
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Rotate key"
      description={`In use: ${base.keyFingerprint}`}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void submit().catch(() => {})
        }}
      >
        <div className="flex flex-col gap-4 px-5 py-4">
          {stale && (
            <StaleNotice
              difference={differenceOf(base, current)}
              changedBy={current.changedBy?.label}
              onTake={() => {
                setBase(current)
                rotate.reset()
              }}
            />
          )}
          <Field
            label="New API key"
            hint="It is tested first. If the provider refuses it, the old one stays."
            error={field === 'key' ? messageOf(rotate.error) : undefined}
          >
            {(ids) => (
              <Input
                {...ids}
                autoFocus
                type="password"
                autoComplete="off"
                spellCheck={false}
                value={key}
                onChange={(e) => {
                  setKey(e.target.value)
                  test.reset()
                  rotate.reset()
                }}
              />
            )}
          </Field>
          <Field
            label="Reason"
            hint="Optional, for the audit history."
            error={field === 'reason' ? messageOf(rotate.error) : undefined}
          >
            {(ids) => (
              <Input
                {...ids}
                value={reason}
                maxLength={500}
                placeholder="Quarterly rotation"
                onChange={(e) => setReason(e.target.value)}
              />
            )}
          </Field>
          <OverlapField value={overlapMinutes} onChange={setOverlap} />
          {test.data && <KeyTestResult result={test.data} />}
          {test.isError && <Notice tone="bad">{messageOf(test.error)}</Notice>}
          {stage.isError && <Notice tone="bad">{messageOf(stage.error)}</Notice>}
          {rotate.isError && !stale && !field && <Notice tone="bad">{messageOf(rotate.error)}</Notice>}
        </div>
        <DialogFooter>
          <Button
            className="mr-auto"
            disabled={!key.trim()}
            busy={test.isPending}
            onClick={() => test.mutate({ projectId, key })}
          >
            Test key
          </Button>
          <Button
            disabled={!key.trim() || stale}
            busy={stage.isPending}
            title="Keep it ready beside the key in use; no run uses it until you activate it"
            onClick={() => void keepReady().catch(() => {})}
          >
            Stage
          </Button>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" disabled={!key.trim() || stale} busy={rotate.isPending}>
            {rotate.isPending ? 'Testing and rotating' : 'Rotate key'}
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  )
}
