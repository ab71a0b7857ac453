import { useState } from 'react'
import { toast } from 'sonner'
import { Button } from '../../components/ui/button.tsx'
import { Dialog, DialogFooter } from '../../components/ui/dialog.tsx'
import { Field, Input } from '../../components/ui/field.tsx'
import { Notice } from '../../components/ui/states.tsx'
import { messageOf, refusalOf } from '../../lib/trpc.ts'
import type { Outputs } from '../../lib/trpc.ts'
import { useSetPolicy } from './queries.ts'

type Props = { projectId: string; policy: Outputs['keyCustody']['policy']; onClose: () => void }

/** How old a key of this project may become before it has to be rotated. */
export function PolicyDialog({ projectId, policy, onClose }: Props) {
  const [days, setDays] = useState(String(policy.maxAgeDays))
  const [reason, setReason] = useState('')
  const set = useSetPolicy()
  const refusal = refusalOf(set.error)
  const field = refusal?.code === 'INVALID_INPUT' ? refusal.details.field : undefined
  const save = async (maxAgeDays: number | null) => {
    await set.mutateAsync({
      projectId,
      maxAgeDays,
      expectedRevision: policy.revision,
      commandId: crypto.randomUUID(),
      ...(reason.trim() && { reason }),
    })
    toast.success(maxAgeDays === null ? 'The rule of the deployment holds again.' : 'The rule is saved.')
    onClose()
  }
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Rotation rule"
      description="Reminders begin two weeks before a key is due. Runs are not affected."
    >
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void save(Number(days)).catch(() => {})
        }}
      >
        <div className="flex flex-col gap-4 px-5 py-4">
          <Field
            label="Rotate the key after (days)"
            hint={policy.own ? undefined : 'Now the rule of the deployment.'}
            error={field === 'maxAgeDays' ? messageOf(set.error) : undefined}
          >
            {(ids) => (
              <Input
                {...ids}
                autoFocus
                type="number"
                min={1}
                max={3650}
                required
                value={days}
                onChange={(e) => setDays(e.target.value)}
              />
            )}
          </Field>
          <Field label="Reason" hint="Optional, for the audit history.">
            {(ids) => <Input {...ids} value={reason} maxLength={500} onChange={(e) => setReason(e.target.value)} />}
          </Field>
          {set.isError && field !== 'maxAgeDays' && <Notice tone="bad">{messageOf(set.error)}</Notice>}
        </div>
        <DialogFooter>
          {policy.own && (
            <Button className="mr-auto" onClick={() => void save(null).catch(() => {})}>
              Use the deployment's rule
            </Button>
          )}
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" disabled={!(Number(days) >= 1)} busy={set.isPending}>
            Save rule
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  )
}
