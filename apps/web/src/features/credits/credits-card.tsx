import { format } from 'date-fns'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { FREE_CREDITS } from '@stewrd/core/credits/month.ts'
import { Older } from '../../components/ui/older.tsx'
import { Failed, Rows } from '../../components/ui/states.tsx'
import { Badge, Card, Mono } from '../../components/ui/surface.tsx'
import { At } from '../../components/ui/time.tsx'
import { cn } from '../../lib/cn.ts'
import { count } from '../../lib/format.ts'
import { Bar } from '../limits/bar.tsx'
import type { Usage } from '../limits/queries.ts'
import type { Entry } from './queries.ts'
import { useEntries } from './queries.ts'

/** What the account has left, when it gets more, and each entry of the ledger. */
export function CreditsCard({ credits }: { credits: Usage['credits'] }) {
  const { metering, free, paid, total, renewsAt } = credits
  const described = metering
    ? 'Of the whole account. A run costs the sum of its capabilities.'
    : 'Runs cost nothing here.'
  return (
    <Card title="Credits" description={described} actions={<Badge>{metering ? 'Metering on' : 'Metering off'}</Badge>}>
      <div className="grid gap-5 px-4 py-4 sm:grid-cols-[minmax(9rem,1fr)_2fr] sm:px-5">
        <div>
          <p className="text-xs text-muted">Left</p>
          <p className="tnum mt-1 text-3xl font-semibold tracking-tight">{count(total)}</p>
        </div>
        <div className="flex flex-col justify-center gap-2.5 text-[13px]">
          <Line name="Free this month">
            {count(free)} of {count(FREE_CREDITS)}
          </Line>
          <Bar value={free / FREE_CREDITS} tone={free < FREE_CREDITS / 5 ? 'warn' : 'good'} label="Free credits left" />
          <Line name="Granted or bought, without an end">{count(paid)}</Line>
          <p className="text-muted">
            {count(FREE_CREDITS)} free ones come on {format(renewsAt, 'd MMMM')}. They are spent first, and unused ones
            go then.
          </p>
        </div>
      </div>
      <Entries />
      {!metering && (
        <p className="border-t px-4 py-3 text-[13px] text-muted sm:px-5">
          An operator switches metering on with <Mono>STEWRD_METERING=on</Mono>, and gives more with{' '}
          <Mono>stewrd credits grant</Mono>.
        </p>
      )}
    </Card>
  )
}

const Line = ({ name, children }: { name: string; children: ReactNode }) => (
  <p className="flex justify-between gap-4">
    <span>{name}</span>
    <span className="tnum font-medium">{children}</span>
  </p>
)

const kinds: Record<Entry['kind'], string> = {
  grant: 'Granted',
  purchase: 'Bought',
  free_month: 'Free credits of the month',
  free_expired: 'Unused free credits went',
  reserve: 'Run began',
  settle: 'Run ended',
  refund: 'Run failed, given back',
}

function Entries() {
  const entries = useEntries()
  const rows = entries.data?.pages.flatMap((page) => page.entries) ?? []
  if (entries.isError) return <Failed error={entries.error} retry={() => void entries.refetch()} />
  if (entries.isPending) return <Rows count={3} className="h-10" />
  if (rows.length === 0)
    return <p className="border-t px-4 py-4 text-[13px] text-muted sm:px-5">The ledger has no entry yet.</p>
  return (
    <>
      <div className="relative overflow-x-auto border-t" tabIndex={0} role="region" aria-label="Ledger, newest first">
        <table className="w-full min-w-[34rem] text-left text-[13px]">
          <thead>
            <tr className="border-b text-xs text-muted">
              <th scope="col" className="px-4 py-2.5 font-medium sm:pl-5">
                Entry
              </th>
              <th scope="col" className="px-4 text-right font-medium">
                Credits
              </th>
              <th scope="col" className="px-4 text-right font-medium">
                Left
              </th>
              <th scope="col" className="px-4 text-right font-medium sm:pr-5">
                Time
              </th>
            </tr>
          </thead>
          <tbody className="divide-y">
            {rows.map((entry) => (
              <Row key={entry.nth} entry={entry} />
            ))}
          </tbody>
        </table>
      </div>
      <Older pages={entries} what="entries" />
    </>
  )
}

function Row({ entry: { kind, amount, balance, at, projectId, runId } }: { entry: Entry }) {
  return (
    <tr>
      <td className="px-4 py-2 sm:pl-5">
        {kinds[kind]}
        {projectId && runId && kind !== 'settle' && (
          <Link
            to="/projects/$projectId/runs/$runId"
            params={{ projectId, runId }}
            className="ml-2 rounded text-accent underline-offset-2 hover:underline"
          >
            <span className="sr-only">Run </span>
            <Mono className="text-xs">{runId.slice(-8)}</Mono>
          </Link>
        )}
      </td>
      <td className={cn('tnum px-4 text-right font-medium', amount > 0 && 'text-good')}>
        {amount > 0 ? `+${count(amount)}` : amount < 0 ? `−${count(-amount)}` : '0'}
      </td>
      <td className="tnum px-4 text-right text-muted">{count(balance)}</td>
      <td className="px-4 text-right text-muted sm:pr-5">
        <At at={at} />
      </td>
    </tr>
  )
}
