import { Send } from 'lucide-react'
import { useState } from 'react'
import { Older } from '../../components/ui/older.tsx'
import { Empty, Failed, Rows } from '../../components/ui/states.tsx'
import { Card, Mono } from '../../components/ui/surface.tsx'
import { Ago } from '../../components/ui/time.tsx'
import { duration } from '../../lib/format.ts'
import { DeliverySheet } from './delivery-sheet.tsx'
import { DeliveryStatus } from './delivery-words.tsx'
import type { Delivery } from './queries.ts'
import { useDeliveries } from './queries.ts'

/** What was sent in the last 30 days, newest first. */
export function DeliveriesCard({ projectId }: { projectId: string }) {
  const deliveries = useDeliveries(projectId)
  const [opened, setOpened] = useState<string>()
  const rows = deliveries.data?.pages.flatMap((page) => page.deliveries) ?? []
  return (
    <Card title="Deliveries" description="Kept for 30 days.">
      {deliveries.isError ? (
        <Failed error={deliveries.error} retry={() => void deliveries.refetch()} />
      ) : deliveries.isPending ? (
        <Rows count={4} />
      ) : rows.length === 0 ? (
        <Empty icon={<Send aria-hidden />} title="Nothing sent yet">
          Send a test, or let a run complete.
        </Empty>
      ) : (
        <div className="relative overflow-x-auto" tabIndex={0} role="region" aria-label="Deliveries, newest first">
          <table className="w-full min-w-[40rem] text-left text-[13px]">
            <thead>
              <tr className="border-b text-xs text-muted">
                {['Status', 'Event', 'Answer', 'Attempts', 'Took', 'Made'].map((name) => (
                  <th key={name} scope="col" className="px-4 py-2.5 font-medium first:pl-5 last:pr-5 last:text-right">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody className="divide-y">
              {rows.map((delivery) => (
                <Row key={delivery.id} delivery={delivery} onOpen={() => setOpened(delivery.id)} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      <Older pages={deliveries} what="deliveries" />
      {opened && <DeliverySheet projectId={projectId} deliveryId={opened} onClose={() => setOpened(undefined)} />}
    </Card>
  )
}

function Row({ delivery, onOpen }: { delivery: Delivery; onOpen: () => void }) {
  const { event, status, responseCode, attempts, lastAttempt, latencyMs, createdAt } = delivery
  return (
    <tr className="relative hover:bg-sunken/60">
      <td className="py-2.5 pl-5">
        <button
          type="button"
          onClick={onOpen}
          className="rounded after:absolute after:inset-0"
          aria-label={`${event}, ${status}`}
        >
          <DeliveryStatus status={status} />
        </button>
      </td>
      <td className="px-4">
        <Mono className="whitespace-nowrap">{event}</Mono>
      </td>
      <td className="tnum px-4">{responseCode ?? '–'}</td>
      <td className="tnum px-4 whitespace-nowrap">
        {status === 'pending' ? `${attempts} of ${lastAttempt}` : attempts}
      </td>
      <td className="tnum px-4 whitespace-nowrap">{latencyMs === null ? '–' : duration(latencyMs)}</td>
      <td className="py-2.5 pr-5 text-right text-muted">
        <Ago at={createdAt} />
      </td>
    </tr>
  )
}
