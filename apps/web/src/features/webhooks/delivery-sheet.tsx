import type { ReactNode } from 'react'
import { toast } from 'sonner'
import { Button } from '../../components/ui/button.tsx'
import { Dialog, DialogFooter } from '../../components/ui/dialog.tsx'
import { Failed, Notice, Rows } from '../../components/ui/states.tsx'
import { Mono } from '../../components/ui/surface.tsx'
import { At } from '../../components/ui/time.tsx'
import { duration } from '../../lib/format.ts'
import type { Outputs } from '../../lib/trpc.ts'
import { messageOf } from '../../lib/trpc.ts'
import { useAtRest } from '../projects/queries.ts'
import { DeliveryStatus, problemOf } from './delivery-words.tsx'
import { useDelivery, useRetryDelivery } from './queries.ts'

type Props = { projectId: string; deliveryId: string; onClose: () => void }

/** One delivery over all its attempts, and what it carries. */
export function DeliverySheet({ projectId, deliveryId, onClose }: Props) {
  const delivery = useDelivery(projectId, deliveryId)
  const retry = useRetryDelivery()
  const atRest = useAtRest(projectId)
  const onRetry = async () => {
    await retry.mutateAsync({ projectId, deliveryId })
    toast.success('It is being tried again.')
  }
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title="Delivery" shape="sheet">
      {delivery.isError ? (
        <Failed error={delivery.error} retry={() => void delivery.refetch()} />
      ) : !delivery.data ? (
        <Rows count={4} />
      ) : (
        <Body delivery={delivery.data} />
      )}
      <DialogFooter>
        <Button onClick={onClose}>Close</Button>
        <Button
          look="primary"
          busy={retry.isPending}
          why={atRest}
          disabled={!delivery.data || delivery.data.status === 'pending'}
          onClick={() => void onRetry().catch((error: unknown) => toast.error(messageOf(error)))}
        >
          Try again
        </Button>
      </DialogFooter>
    </Dialog>
  )
}

function Body({ delivery }: { delivery: Outputs['webhooks']['delivery'] }) {
  const { id, event, status, attempts, responseCode, latencyMs, createdAt, triedAt, nextAt, payload } = delivery
  const problem = problemOf(delivery)
  return (
    <div className="flex flex-col gap-4 px-5 py-4">
      {problem && <Notice tone={status === 'failed' ? 'bad' : 'warn'}>{problem}</Notice>}
      <dl className="grid grid-cols-[8rem_minmax(0,1fr)] gap-y-2 text-[13px]">
        <Fact name="Status">
          <DeliveryStatus status={status} />
        </Fact>
        <Fact name="Event">
          <Mono>{event}</Mono>
        </Fact>
        <Fact name="Webhook id">
          <Mono>{id}</Mono>
        </Fact>
        <Fact name="Attempts">{attempts}</Fact>
        <Fact name="Answer">{responseCode === null ? 'None' : `HTTP ${responseCode}`}</Fact>
        {latencyMs !== null && <Fact name="Took">{duration(latencyMs)}</Fact>}
        <Fact name="Made">
          <At at={createdAt} />
        </Fact>
        {triedAt !== null && (
          <Fact name="Last attempt">
            <At at={triedAt} />
          </Fact>
        )}
        {nextAt !== null && (
          <Fact name="Next attempt">
            <At at={nextAt} />
          </Fact>
        )}
      </dl>
      <div>
        <h3 className="mb-1.5 text-[13px] font-medium">Payload</h3>
        {payload === null ? (
          <p className="text-[13px] text-muted">There is nothing to show any more.</p>
        ) : (
          <pre
            className="max-h-96 overflow-auto rounded-lg border bg-sunken p-3.5 font-mono text-[12.5px] leading-relaxed"
            tabIndex={0}
            aria-label="Payload"
          >
            {payload}
          </pre>
        )}
      </div>
    </div>
  )
}

const Fact = ({ name, children }: { name: string; children: ReactNode }) => (
  <>
    <dt className="text-muted">{name}</dt>
    <dd className="min-w-0">{children}</dd>
  </>
)
