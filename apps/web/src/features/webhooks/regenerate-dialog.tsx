import { useState } from 'react'
import { toast } from 'sonner'
import { Button } from '../../components/ui/button.tsx'
import { Dialog, DialogFooter } from '../../components/ui/dialog.tsx'
import { Field, Select } from '../../components/ui/field.tsx'
import { Notice } from '../../components/ui/states.tsx'
import { messageOf } from '../../lib/trpc.ts'
import { useRegenerateSecret } from './queries.ts'

type Props = { projectId: string; onSecret: (secret: string) => void; onClose: () => void }

const overlaps = [
  [0, 'Not at all: replace it at once'],
  [60, 'One hour'],
  [24 * 60, 'One day'],
  [7 * 24 * 60, 'One week'],
] as const

export function RegenerateDialog({ projectId, onSecret, onClose }: Props) {
  const [overlapMinutes, setOverlap] = useState(24 * 60)
  const regenerate = useRegenerateSecret()
  const onSubmit = async () => {
    const { secret } = await regenerate.mutateAsync({ projectId, overlapMinutes, commandId: crypto.randomUUID() })
    if (secret) onSecret(secret)
    toast.success('There is a new secret. Copy it now.')
    onClose()
  }
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Regenerate the secret?"
      description="While both sign, a delivery carries two v1 values, and a receiver that knows either one accepts it."
    >
      <div className="flex flex-col gap-4 px-5 py-4">
        <Field label="Let the secret of now sign as well for" hint="Then its value is destroyed.">
          {(ids) => (
            <Select {...ids} value={overlapMinutes} onChange={(event) => setOverlap(Number(event.target.value))}>
              {overlaps.map(([minutes, label]) => (
                <option key={minutes} value={minutes}>
                  {label}
                </option>
              ))}
            </Select>
          )}
        </Field>
        {regenerate.isError && <Notice tone="bad">{messageOf(regenerate.error)}</Notice>}
      </div>
      <DialogFooter>
        <Button onClick={onClose}>Cancel</Button>
        <Button look="primary" busy={regenerate.isPending} onClick={() => void onSubmit().catch(() => {})}>
          Regenerate
        </Button>
      </DialogFooter>
    </Dialog>
  )
}
