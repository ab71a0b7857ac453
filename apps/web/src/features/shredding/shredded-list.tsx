import { Link } from '@tanstack/react-router'
import { Card, Mono } from '../../components/ui/surface.tsx'
import { Ago } from '../../components/ui/time.tsx'
import { useShreddedProjects } from './queries.ts'
import { ShreddingBadge } from './shredding-badge.tsx'

/** Projects of which only the history is left. Nothing, as long as there is none. */
export function ShreddedList() {
  const { data } = useShreddedProjects()
  if (!data?.length) return null
  return (
    <div className="mt-6">
      <Card title="Shredded" description="Their contents are gone; their histories stay.">
        <ul className="divide-y" aria-label="Shredded projects">
          {data.map(({ projectId, state, at }) => (
            <li key={projectId}>
              <Link
                to="/projects/$projectId"
                params={{ projectId }}
                className="flex flex-wrap items-center justify-between gap-x-4 gap-y-1 px-4 py-3 text-[13px] transition-colors last:rounded-b-xl hover:bg-sunken/60 focus-visible:-outline-offset-2 sm:px-5"
              >
                <Mono className="text-muted">{projectId}</Mono>
                <span className="flex items-center gap-3 text-xs text-muted">
                  Shredded <Ago at={at} /> <ShreddingBadge state={state} />
                </span>
              </Link>
            </li>
          ))}
        </ul>
      </Card>
    </div>
  )
}
