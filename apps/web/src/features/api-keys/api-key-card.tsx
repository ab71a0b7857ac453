import { useState } from 'react'
import { toast } from 'sonner'
import { Button } from '../../components/ui/button.tsx'
import { Code } from '../../components/ui/code.tsx'
import { ConfirmDialog } from '../../components/ui/confirm-dialog.tsx'
import { CopyButton } from '../../components/ui/copy-button.tsx'
import { Failed, Notice, Skeleton } from '../../components/ui/states.tsx'
import { Badge, Card, Mono } from '../../components/ui/surface.tsx'
import { Ago } from '../../components/ui/time.tsx'
import { messageOf } from '../../lib/trpc.ts'
import { useAtRest } from '../projects/queries.ts'
import { forgetNewKey, keepNewKey, useNewKey } from './new-keys.ts'
import { useApiKey, useRegenerateApiKey, useRevokeApiKey } from './queries.ts'

const firstCall = (apiKey = '$STEWRD_API_KEY') => `curl ${location.origin}/v1/agent \\
  -H "Authorization: Bearer ${apiKey}" \\
  -H "Content-Type: application/json" \\
  -d '{"message": "Say hello", "stream": false}'`

/** The key that clients of the project send. Shown once, after it was made. `example`: with a call to try it. */
export function ApiKeyCard({ projectId, example = false }: { projectId: string; example?: boolean }) {
  const key = useApiKey(projectId)
  const newKey = useNewKey(projectId)
  const atRest = useAtRest(projectId)
  const [asking, setAsking] = useState<'regenerate' | 'revoke'>()
  const regenerate = useRegenerateApiKey()
  const revoke = useRevokeApiKey()
  const active = key.data?.status === 'active'
  const close = () => setAsking(undefined)

  const onRegenerate = async () => {
    const { apiKey } = await regenerate.mutateAsync({ projectId, commandId: crypto.randomUUID() })
    if (apiKey) keepNewKey(projectId, apiKey)
    close()
  }
  const onRevoke = async () => {
    await revoke.mutateAsync({ projectId, commandId: crypto.randomUUID() })
    forgetNewKey(projectId)
    toast.success('The API key no longer works.')
    close()
  }
  return (
    <Card
      title="API key"
      description="What your code sends as a bearer token."
      actions={
        <>
          <Button
            size="sm"
            why={atRest}
            onClick={() =>
              active
                ? setAsking('regenerate')
                : void onRegenerate().catch((error: unknown) => toast.error(messageOf(error)))
            }
          >
            {active || !key.data ? 'Regenerate' : 'Make a key'}
          </Button>
          {active && (
            <Button size="sm" look="danger" onClick={() => setAsking('revoke')}>
              Revoke
            </Button>
          )}
        </>
      }
    >
      <div className="flex flex-col gap-3 px-4 py-4 sm:px-5">
        {newKey && (
          <Notice tone="good" title="Copy it now: it is not shown again">
            <div className="mt-2 flex flex-wrap items-center gap-2">
              <code className="rounded-md border border-good/30 bg-panel px-2 py-1.5 font-mono text-[12.5px] break-all text-text">
                {newKey}
              </code>
              <CopyButton text={newKey} label="Copy key" />
            </div>
          </Notice>
        )}
        {key.isError ? (
          <Failed error={key.error} retry={() => void key.refetch()} />
        ) : !key.data ? (
          <Skeleton className="h-5 w-64" />
        ) : (
          <div className="flex flex-wrap items-center gap-x-3 gap-y-1.5 text-[13px]">
            <Badge tone={active ? 'good' : 'neutral'} dot>
              {active ? 'Active' : key.data.status === 'revoked' ? 'Revoked' : 'None'}
            </Badge>
            {active && !newKey && <Mono className="text-muted">sk-stw_••••••••</Mono>}
            {key.data.issuedAt !== null && (
              <span className="text-muted">
                made <Ago at={key.data.issuedAt} />
                {key.data.issuedBy && ` by ${key.data.issuedBy.label}`}
              </span>
            )}
          </div>
        )}
        {example && <Code text={firstCall(newKey)} label="Example call" />}
      </div>
      <ConfirmDialog
        open={asking === 'regenerate'}
        onOpenChange={close}
        title="Regenerate the API key?"
        confirm="Regenerate"
        busy={regenerate.isPending}
        error={regenerate.error}
        onConfirm={onRegenerate}
      >
        The key that is in use now stops working at once, on every server. You get the new one to copy.
      </ConfirmDialog>
      <ConfirmDialog
        open={asking === 'revoke'}
        onOpenChange={close}
        title="Revoke the API key?"
        confirm="Revoke"
        danger
        busy={revoke.isPending}
        error={revoke.error}
        onConfirm={onRevoke}
      >
        Nothing can run in this project until you make another key.
      </ConfirmDialog>
    </Card>
  )
}
