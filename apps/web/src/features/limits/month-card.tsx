import { format } from 'date-fns'
import type { ReactNode } from 'react'
import { Card } from '../../components/ui/surface.tsx'
import { count } from '../../lib/format.ts'
import { Bar } from './bar.tsx'
import { amount, toneOf } from './budget.ts'
import type { Budget, Usage } from './queries.ts'

/** What the project used this month, against its budgets. */
export function MonthCard({ usage: { month, budgets } }: { usage: Usage }) {
  const cost = month.costNanoUsd / 1e9
  return (
    <Card
      title="This month"
      className="overflow-hidden"
      description={`${format(`${month.month}-01T00:00`, 'MMMM yyyy')}, in UTC`}
    >
      <dl className="grid grid-cols-2 gap-px bg-line sm:grid-cols-4">
        <Figure name="Runs" note={month.failed > 0 ? `${count(month.failed)} failed` : undefined}>
          {count(month.requests)}
        </Figure>
        <Figure name="Tokens">{count(month.tokens)}</Figure>
        <Figure
          name="Cost"
          note={month.unpriced > 0 ? `${count(month.unpriced)} answers without a known price` : undefined}
        >
          {month.unpriced > 0 && cost === 0 ? 'Unknown' : `$${cost.toFixed(2)}`}
        </Figure>
        <Figure name="Credits">{count(month.credits)}</Figure>
      </dl>
      {budgets.length > 0 && (
        <ul className="flex flex-col gap-4 border-t px-4 py-4 sm:px-5">
          {budgets.map((budget) => (
            <BudgetLine key={budget.what} budget={budget} />
          ))}
        </ul>
      )}
    </Card>
  )
}

function Figure({ name, note, children }: { name: string; note?: string | undefined; children: ReactNode }) {
  return (
    <div className="bg-panel px-4 py-3.5 sm:px-5">
      <dt className="text-xs text-muted">{name}</dt>
      <dd className="tnum mt-1 text-xl font-semibold tracking-tight">{children}</dd>
      {note && <dd className="mt-0.5 text-xs text-muted">{note}</dd>}
    </div>
  )
}

function BudgetLine({ budget }: { budget: Budget }) {
  const share = budget.used / budget.limit
  const name = budget.what === 'tokens' ? 'Token budget' : 'Cost budget'
  return (
    <li>
      <div className="mb-1.5 flex flex-wrap justify-between gap-x-4 text-[13px]">
        <span className="font-medium">{name}</span>
        <span className="tnum text-muted">
          {amount(budget.what, budget.used)} of {amount(budget.what, budget.limit)} ({Math.floor(share * 100)} %)
        </span>
      </div>
      <Bar value={share} tone={toneOf(budget)} label={`${name}: used`} />
    </li>
  )
}
