import { useState } from 'react'
import { toast } from 'sonner'
import { Button } from '../../components/ui/button.tsx'
import { Dialog, DialogFooter } from '../../components/ui/dialog.tsx'
import { Field, Input } from '../../components/ui/field.tsx'
import { Notice } from '../../components/ui/states.tsx'
import { messageOf, refusalOf } from '../../lib/trpc.ts'
import { useSetWebhook } from './queries.ts'

type Props = {
  projectId: string
  /** As it stands; empty for the first one. */
  url: string
  revision: number
  onSecret: (secret: string) => void
  onClose: () => void
}

export function SetWebhookDialog({ projectId, url: before, revision, onSecret, onClose }: Props) {
  const [url, setUrl] = useState(before)
  const set = useSetWebhook()
  const refusal = refusalOf(set.error)
  const ofUrl = refusal?.code === 'BASE_URL_REFUSED' || refusal?.code === 'INVALID_INPUT'
  const save = async () => {
    const commandId = crypto.randomUUID()
    const { secret } = await set.mutateAsync({ projectId, url, expectedRevision: revision, commandId })
    if (secret) onSecret(secret)
    toast.success(before ? 'Deliveries go to the new address. The secret stays.' : 'The webhook is set.')
    onClose()
  }
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={before ? 'Change address' : 'Set address'}
      description="It answers each delivery with a 2xx status within 10 seconds. Redirects are not followed."
    >
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void save().catch(() => {})
        }}
      >
        <div className="flex flex-col gap-4 px-5 py-4">
          <Field
            label="Address"
            hint="https, and on the public internet unless the operator allowed the host."
            error={ofUrl ? messageOf(set.error) : undefined}
          >
            {(ids) => (
              <Input
                {...ids}
                autoFocus
                required
                inputMode="url"
                maxLength={2000}
                placeholder="https://example.com/hooks/stewrd"
                value={url}
                onChange={(event) => setUrl(event.target.value)}
              />
            )}
          </Field>
          {set.isError && !ofUrl && <Notice tone="bad">{messageOf(set.error)}</Notice>}
        </div>
        <DialogFooter>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" disabled={!url.trim()} busy={set.isPending}>
            Save address
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  )
}
