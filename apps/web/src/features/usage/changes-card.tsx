import { Link } from '@tanstack/react-router'
import { ArrowRight } from 'lucide-react'
import { Card } from '../../components/ui/surface.tsx'
import { At } from '../../components/ui/time.tsx'
import { usd } from '../../lib/format.ts'
import { Parts } from '../history/sentence.tsx'
import type { Report } from './series.ts'

type Mark = Report['marks'][number]
type Props = { marks: readonly Mark[]; projects: readonly { projectId: string; name: string }[] | undefined }

/** Every change of a configuration in the time that is shown, with what a run cost on average before and after it. */
export function ChangesCard({ marks, projects }: Props) {
  if (marks.length === 0) return null
  return (
    <Card
      title="Configuration changes"
      description="With the average cost of a run on the revision before, and on the new one."
    >
      <ul className="divide-y text-[13px]">
        {marks.map((mark) => (
          <li
            key={`${mark.projectId}/${mark.revision}`}
            className="flex flex-wrap items-center gap-x-4 gap-y-1 px-4 py-2.5 sm:px-5"
          >
            <div className="min-w-0 flex-1 basis-64">
              <p className="first-letter:uppercase">
                <Parts parts={mark.text} />
              </p>
              <p className="text-xs text-muted">
                <At at={mark.at} />
                {projects && (
                  <>
                    {' · '}
                    <Link
                      to="/projects/$projectId/usage"
                      params={{ projectId: mark.projectId }}
                      className="rounded text-accent underline underline-offset-2"
                    >
                      {projects.find((one) => one.projectId === mark.projectId)?.name ?? 'Project'}
                    </Link>
                  </>
                )}
              </p>
            </div>
            <Costs {...mark.nanoUsdPerRun} />
          </li>
        ))}
      </ul>
    </Card>
  )
}

function Costs({ before, after }: Mark['nanoUsdPerRun']) {
  if (before === null && after === null) return <span className="text-muted">Cost unknown</span>
  const change = before && after !== null ? (after - before) / before : null
  return (
    <span className="tnum flex items-center gap-2">
      {before === null ? '–' : usd(before)}
      <ArrowRight className="size-3.5 text-muted" aria-label="then" />
      {after === null ? '–' : usd(after)}
      {change !== null && (
        <span className={change > 0 ? 'text-warn' : 'text-good'}>
          {change > 0 ? '+' : ''}
          {(change * 100).toFixed(0)} %
        </span>
      )}
    </span>
  )
}
