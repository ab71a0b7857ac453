import { LOW_CREDITS } from '@stewrd/core/credits/month.ts'
import { Link } from '@tanstack/react-router'
import { Notice } from '../../components/ui/states.tsx'
import { count } from '../../lib/format.ts'
import { amount } from './budget.ts'
import type { Budget } from './queries.ts'
import { useUsage } from './queries.ts'

/** On every page of a project: a budget that is nearly or wholly spent, and credits that run out. */
export function LimitAlarms({ projectId }: { projectId: string }) {
  const { data } = useUsage(projectId)
  if (!data) return null
  const alarms = data.budgets.filter(({ state }) => state !== 'within')
  const { metering, total } = data.credits
  const low = metering && total <= LOW_CREDITS
  if (alarms.length === 0 && !low) return null
  return (
    <div className="mb-5 flex flex-col gap-2">
      {alarms.map((budget) => (
        <Alarm key={budget.what} projectId={projectId} budget={budget} />
      ))}
      {low && (
        <Notice tone={total === 0 ? 'bad' : 'warn'} title={total === 0 ? 'No credits remaining' : 'Credits are low'}>
          {total === 0 ? 'New runs are refused.' : `The account has ${count(total)} left.`}{' '}
          <More projectId={projectId} />
        </Notice>
      )}
    </div>
  )
}

function Alarm({ projectId, budget }: { projectId: string; budget: Budget }) {
  const { what, used, limit, state } = budget
  const spent = state === 'spent'
  return (
    <Notice
      tone={spent ? 'bad' : 'warn'}
      title={spent ? 'The budget of the month is spent' : 'The budget of the month is nearly spent'}
    >
      {amount(what, used)} of {amount(what, limit)} are used. {spent && 'New runs are refused until it is raised. '}
      <More projectId={projectId} />
    </Notice>
  )
}

const More = ({ projectId }: { projectId: string }) => (
  <Link
    to="/projects/$projectId/limits"
    params={{ projectId }}
    className="rounded font-medium underline underline-offset-2"
  >
    Limits &amp; credits
  </Link>
)
