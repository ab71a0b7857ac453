import { useParams } from '@tanstack/react-router'
import { Webhook as WebhookIcon } from 'lucide-react'
import { useState } from 'react'
import { Button } from '../../components/ui/button.tsx'
import { Empty, Failed, Rows } from '../../components/ui/states.tsx'
import { Card, PageHeader } from '../../components/ui/surface.tsx'
import { useAtRest } from '../projects/queries.ts'
import { DeliveriesCard } from './deliveries-card.tsx'
import { EventsCard } from './events-card.tsx'
import { useWebhook } from './queries.ts'
import { SetWebhookDialog } from './set-webhook-dialog.tsx'
import { VerifyCard } from './verify-card.tsx'
import { WebhookCard } from './webhook-card.tsx'

export function WebhooksPage() {
  const { projectId } = useParams({ from: '/app/projects/$projectId/webhooks' })
  const current = useWebhook(projectId)
  const atRest = useAtRest(projectId)
  const [editing, setEditing] = useState(false)
  // Shown once, as long as the page stays open.
  const [secret, setSecret] = useState<string>()
  const webhook = current.data?.webhook
  return (
    <>
      <PageHeader
        title="Webhooks"
        description="When a run of this project completes, its answer is sent to one address of yours, signed."
      />
      {current.isError ? (
        <Card>
          <Failed error={current.error} retry={() => void current.refetch()} />
        </Card>
      ) : !current.data ? (
        <Card>
          <Rows count={3} />
        </Card>
      ) : !webhook ? (
        <Card>
          <Empty
            icon={<WebhookIcon aria-hidden />}
            title="No webhook yet"
            action={
              <Button look="primary" why={atRest} onClick={() => setEditing(true)}>
                Set address
              </Button>
            }
          >
            Set an address, and your code hears of every run that completes. Each delivery is signed with a secret that
            you see once.
          </Empty>
        </Card>
      ) : (
        <div className="flex flex-col gap-5">
          <WebhookCard
            projectId={projectId}
            webhook={webhook}
            atRest={atRest}
            secret={secret}
            onSecret={setSecret}
            onEdit={() => setEditing(true)}
          />
          <DeliveriesCard projectId={projectId} />
          <EventsCard projectId={projectId} events={webhook.events} fixed={atRest !== undefined} />
          <VerifyCard />
        </div>
      )}
      {editing && current.data && (
        <SetWebhookDialog
          projectId={projectId}
          url={webhook?.url ?? ''}
          revision={current.data.revision}
          onSecret={setSecret}
          onClose={() => setEditing(false)}
        />
      )}
    </>
  )
}
