import { toast } from 'sonner'
import { ConfirmDialog } from '../../components/ui/confirm-dialog.tsx'
import type { LlmCurrent } from './queries.ts'
import { useRemoveProvider } from './queries.ts'

/** Takes provider and key away. */
export function RemoveProviderDialog({
  projectId,
  current,
  onClose,
}: {
  projectId: string
  current: LlmCurrent
  onClose: () => void
}) {
  const remove = useRemoveProvider()
  return (
    <ConfirmDialog
      open
      onOpenChange={onClose}
      title="Remove the provider and its key?"
      confirm="Remove"
      danger
      busy={remove.isPending}
      error={remove.error}
      onConfirm={async () => {
        await remove.mutateAsync({ projectId, expectedRevision: current.revision, commandId: crypto.randomUUID() })
        toast.success('Removed. Runs use the model of this server from now on.')
        onClose()
      }}
    >
      Runs that start from now on no longer use {current.keyFingerprint}. To use it again, you will have to enter it
      again.
    </ConfirmDialog>
  )
}
