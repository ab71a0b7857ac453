import { useState } from 'react'
import { toast } from 'sonner'
import { Button } from '../../components/ui/button.tsx'
import { ConfirmDialog } from '../../components/ui/confirm-dialog.tsx'
import { CopyButton } from '../../components/ui/copy-button.tsx'
import { Notice } from '../../components/ui/states.tsx'
import { Badge, Card, Mono } from '../../components/ui/surface.tsx'
import { At } from '../../components/ui/time.tsx'
import { messageOf } from '../../lib/trpc.ts'
import type { Webhook } from './queries.ts'
import { useRemoveWebhook, useSendTest } from './queries.ts'
import { RegenerateDialog } from './regenerate-dialog.tsx'

type Props = {
  projectId: string
  webhook: Webhook
  /** Why it cannot be changed; taking it away is always possible. */
  atRest: string | undefined
  /** Just made: to be copied now. */
  secret: string | undefined
  onSecret: (secret: string | undefined) => void
  onEdit: () => void
}

/** Where deliveries go, and what signs them. */
export function WebhookCard({ projectId, webhook, atRest, secret, onSecret, onEdit }: Props) {
  const [asking, setAsking] = useState<'regenerate' | 'remove'>()
  const remove = useRemoveWebhook()
  const test = useSendTest()
  const onTest = async () => {
    await test.mutateAsync({ projectId })
    toast.success('A test is on its way. The list below shows what comes of it.')
  }
  const onRemove = async () => {
    await remove.mutateAsync({ projectId, commandId: crypto.randomUUID() })
    onSecret(undefined)
    toast.success('Removed. Nothing more is sent, and the secret is destroyed.')
  }
  return (
    <Card
      title="Address"
      description="Runs that complete are sent here."
      actions={
        <>
          <Button
            size="sm"
            busy={test.isPending}
            why={atRest}
            onClick={() => void onTest().catch((error: unknown) => toast.error(messageOf(error)))}
          >
            Send test
          </Button>
          <Button size="sm" why={atRest} onClick={onEdit}>
            Change address
          </Button>
          <Button size="sm" why={atRest} onClick={() => setAsking('regenerate')}>
            Regenerate secret
          </Button>
          <Button size="sm" look="danger" onClick={() => setAsking('remove')}>
            Remove
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-3 px-4 py-4 sm:px-5">
        {secret && (
          <Notice tone="good" title="Copy the signing secret now: it is not shown again">
            <div className="mt-2 flex flex-wrap items-center gap-2">
              <code className="rounded-md border border-good/30 bg-panel px-2 py-1.5 font-mono text-[12.5px] break-all text-text">
                {secret}
              </code>
              <CopyButton text={secret} label="Copy secret" />
            </div>
          </Notice>
        )}
        <Mono>{webhook.url}</Mono>
        <div className="flex flex-wrap items-center gap-x-3 gap-y-1.5 text-[13px] text-muted">
          <span>
            Secret <Mono>{webhook.secretFingerprint}</Mono>
          </span>
          {webhook.overlap && (
            <>
              <Badge tone="warn">Two secrets sign</Badge>
              <span>
                the one before (<Mono>{webhook.overlap.fingerprint}</Mono>) until <At at={webhook.overlap.until} />
              </span>
            </>
          )}
        </div>
      </div>
      {asking === 'regenerate' && (
        <RegenerateDialog projectId={projectId} onSecret={onSecret} onClose={() => setAsking(undefined)} />
      )}
      <ConfirmDialog
        open={asking === 'remove'}
        onOpenChange={() => setAsking(undefined)}
        title="Remove the webhook?"
        confirm="Remove"
        danger
        busy={remove.isPending}
        error={remove.error}
        onConfirm={onRemove}
      >
        Nothing more is sent, not even what is still being tried. The secret is destroyed; a new address gets a new one.
      </ConfirmDialog>
    </Card>
  )
}
