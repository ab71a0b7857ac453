import { useState } from 'react'
import { Button } from '../../components/ui/button.tsx'
import { Dialog, DialogFooter } from '../../components/ui/dialog.tsx'
import { Field, Input } from '../../components/ui/field.tsx'
import { Notice } from '../../components/ui/states.tsx'
import { messageOf } from '../../lib/trpc.ts'
import { useShred } from './queries.ts'

type Props = { projectId: string; name: string; open: boolean; onOpenChange: (open: boolean) => void; now?: boolean }

/** Asks for the project's name, and then for its destruction: in seven days, or at once. */
export function ShredDialog(props: Props) {
  const { open, onOpenChange, now = false } = props
  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      title={now ? 'Shred this project now?' : 'Shred this project?'}
      description="Its keys are destroyed. Nobody can read its contents again, also not from the database."
    >
      {open && <ShredForm {...props} />}
    </Dialog>
  )
}

function ShredForm({ projectId, name, onOpenChange, now: only = false }: Props) {
  const shred = useShred()
  const [confirm, setConfirm] = useState('')
  const [reason, setReason] = useState('')
  const [now, setNow] = useState(only)
  const submit = async () => {
    await shred.mutateAsync({ projectId, confirm, now, ...(reason.trim() && { reason }) })
    onOpenChange(false)
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        void submit().catch(() => {})
      }}
    >
      <div className="flex flex-col gap-4 px-5 py-4 text-[13.5px]">
        <ul className="list-disc space-y-1 pl-5 text-muted">
          <li>Runs, changes and its API key end {only ? 'for good' : 'at once'}.</li>
          <li>
            Messages, names, settings and provider keys are gone
            {now ? '' : ' after seven days, until when you can cancel'}.
          </li>
          <li>That each event happened, when, and by whom, stays in the history and stays proved.</li>
        </ul>
        <Field label={`Type “${name}” to confirm`}>
          {(ids) => <Input {...ids} value={confirm} autoComplete="off" onChange={(e) => setConfirm(e.target.value)} />}
        </Field>
        {!only && (
          <>
            <Field label="Reason" hint="Stands in the audit history until the project is shredded.">
              {(ids) => <Input {...ids} value={reason} maxLength={500} onChange={(e) => setReason(e.target.value)} />}
            </Field>
            <label className="flex items-start gap-2.5">
              <input
                type="checkbox"
                className="mt-1 accent-bad"
                checked={now}
                onChange={(e) => setNow(e.target.checked)}
              />
              <span>
                Shred it now <span className="text-muted">– without the seven days. This cannot be taken back.</span>
              </span>
            </label>
          </>
        )}
        {shred.isError && <Notice tone="bad">{messageOf(shred.error)}</Notice>}
      </div>
      <DialogFooter>
        <Button onClick={() => onOpenChange(false)}>Keep the project</Button>
        <Button type="submit" look="danger" disabled={confirm !== name} busy={shred.isPending}>
          {now ? 'Shred now' : 'Shred in seven days'}
        </Button>
      </DialogFooter>
    </form>
  )
}
