import { Link } from '@tanstack/react-router'
import { Check, CircleDashed, Loader } from 'lucide-react'
import type { ReactNode } from 'react'
import { Failed, Skeleton } from '../../components/ui/states.tsx'
import { Card, Mono } from '../../components/ui/surface.tsx'
import { At } from '../../components/ui/time.tsx'
import { useShredding } from './queries.ts'
import { ShreddingBadge } from './shredding-badge.tsx'

/** What is left of a project: that it was shredded, how far that is, and where its history stands. */
export function ShreddedProject({ projectId }: { projectId: string }) {
  const shredding = useShredding(projectId, true)
  if (shredding.isError) return <Failed error={shredding.error} retry={() => void shredding.refetch()} />
  if (!shredding.data) return <Skeleton className="h-56" />
  const { data } = shredding
  if (!('at' in data)) return null
  const destroyed = data.state !== 'destroying'
  return (
    <Card
      title="Shredded project"
      description="Its contents are gone. That each event happened stays in the history, and stays proved."
      actions={<ShreddingBadge state={data.state} />}
    >
      <ol className="flex flex-col gap-4 px-4 py-4 text-[13.5px] sm:px-5">
        <Step done title="Recorded">
          <At at={data.at} />, as the last change of its history.
        </Step>
        <Step done={destroyed} busy={!destroyed} title="Destroyed here">
          {destroyed && data.doneAt !== null ? (
            <>
              <At at={data.doneAt} />: data keys, states, read models and API key, on every server.
            </>
          ) : (
            'Servers are destroying data keys, states, read models and the API key.'
          )}
        </Step>
        <Step done={data.state === 'complete'} title="Destroyed in backups">
          {data.state === 'complete' ? (
            'Every master key that ever wrapped its data keys is destroyed: no key, message or event in a backup can be opened either.'
          ) : (
            <>
              A backup from before can be read as long as these master keys exist. Rotate, then retire them on{' '}
              <Link to="/keys" className="font-medium text-accent underline-offset-2 hover:underline">
                Master keys
              </Link>
              .
              <ul className="mt-1.5 grid gap-1">
                {data.heldBy.map(({ id, version }) => (
                  <li key={`${id}/${version}`}>
                    <Mono>
                      {id}/{version}
                    </Mono>
                  </li>
                ))}
              </ul>
            </>
          )}
        </Step>
      </ol>
      <p className="border-t px-4 py-3 text-[13px] sm:px-5">
        <Link
          to="/projects/$projectId/history"
          params={{ projectId }}
          className="font-medium text-accent underline-offset-2 hover:underline"
        >
          Its history
        </Link>
      </p>
    </Card>
  )
}

function Step({
  done,
  busy = false,
  title,
  children,
}: {
  done: boolean
  busy?: boolean
  title: string
  children: ReactNode
}) {
  const Icon = done ? Check : busy ? Loader : CircleDashed
  return (
    <li className="grid grid-cols-[1.25rem_minmax(0,1fr)] gap-x-2.5">
      <Icon aria-hidden className={`mt-0.5 size-4 ${done ? 'text-good' : 'text-warn'} ${busy ? 'animate-spin' : ''}`} />
      <div>
        <p className="font-medium">
          {title}
          <span className="sr-only">{done ? ': done' : ': not yet'}</span>
        </p>
        <div className="text-[13px] text-muted">{children}</div>
      </div>
    </li>
  )
}
