import type { ReactNode } from 'react'
import { messageOf } from '../../lib/trpc.ts'
import { Button } from './button.tsx'
import { Dialog, DialogFooter } from './dialog.tsx'
import { Notice } from './states.tsx'

type Props = {
  open: boolean
  onOpenChange: (open: boolean) => void
  title: string
  /** The verb on the button. */
  confirm: string
  danger?: boolean
  busy: boolean
  error: unknown
  onConfirm: () => Promise<unknown>
  children: ReactNode
}

/** Asks before something that cannot be taken back, and stays open to say why it failed. */
export function ConfirmDialog({
  open,
  onOpenChange,
  title,
  confirm,
  danger = false,
  busy,
  error,
  onConfirm,
  children,
}: Props) {
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title={title}>
      <div className="flex flex-col gap-3 px-5 py-4 text-[13.5px] text-muted">
        <div>{children}</div>
        {Boolean(error) && <Notice tone="bad">{messageOf(error)}</Notice>}
      </div>
      <DialogFooter>
        <Button onClick={() => onOpenChange(false)}>Cancel</Button>
        <Button look={danger ? 'danger' : 'primary'} busy={busy} onClick={() => void onConfirm().catch(() => {})}>
          {confirm}
        </Button>
      </DialogFooter>
    </Dialog>
  )
}
