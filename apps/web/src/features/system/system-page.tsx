import type { ReactNode } from 'react'
import { Failed, Skeleton } from '../../components/ui/states.tsx'
import { Badge, Card, Mono, PageHeader } from '../../components/ui/surface.tsx'
import { At } from '../../components/ui/time.tsx'
import { age, count } from '../../lib/format.ts'
import type { Outputs } from '../../lib/trpc.ts'
import { LogCard } from './log-card.tsx'
import { ReadModelsCard } from './read-models-card.tsx'
import { useHealth } from './queries.ts'

export function SystemPage() {
  const health = useHealth()
  return (
    <>
      <PageHeader title="System" description="How this installation is doing. Refreshed every three seconds." />
      {health.isError ? (
        <Failed error={health.error} retry={() => void health.refetch()} />
      ) : !health.data ? (
        <Skeleton className="h-56" />
      ) : (
        <div className="grid items-start gap-5 lg:grid-cols-2">
          <div className="flex min-w-0 flex-col gap-5">
            <Card title="Server">
              <dl className="grid grid-cols-[9rem_minmax(0,1fr)] gap-y-2.5 px-5 py-4 text-[13px]">
                <Fact name="Version">{health.data.version}</Fact>
                <Fact name="Node">
                  <Mono>{health.data.node}</Mono>
                </Fact>
                <Fact name="Running for">{age(health.data.uptimeMs)}</Fact>
                <Fact name="Started">
                  <At at={health.data.startedAt} />
                </Fact>
                <Fact name="Clock">
                  <ClockStanding clock={health.data.clock} />
                </Fact>
                <Fact name="Database">
                  Postgres {health.data.database.version}, {health.data.database.encoding}
                  {health.data.database.pooler && `, through a pooler (${health.data.database.pooler} mode)`}
                </Fact>
                <Fact name="Database login">
                  <Mono>{health.data.database.login}</Mono>
                  {health.data.database.advice && <p className="mt-1 text-bad">{health.data.database.advice}</p>}
                </Fact>
                <Fact name="Events in the log">
                  <span className="tnum">{count(health.data.log.size)}</span>
                </Fact>
                <Fact name="Disk">
                  {health.data.disk ? (
                    <span className="break-words">
                      <Badge tone="bad">Cannot be written</Badge> {health.data.disk.folder}: {health.data.disk.message}
                    </span>
                  ) : (
                    'Can be written'
                  )}
                </Fact>
                <Fact name="Without own key">
                  {health.data.fallback.status === 'demo' ? (
                    <Badge tone="warn">Demo model</Badge>
                  ) : health.data.fallback.status === 'default' ? (
                    <Mono>{health.data.fallback.model}</Mono>
                  ) : (
                    'Projects cannot run'
                  )}
                </Fact>
              </dl>
            </Card>
            <LogCard log={health.data.log} />
          </div>
          <ReadModelsCard views={health.data.views} />
        </div>
      )}
    </>
  )
}

function ClockStanding({ clock: { off, trusted, message } }: { clock: Outputs['system']['health']['clock'] }) {
  if (!off) return 'Agrees with the database'
  return (
    <>
      <Badge tone={trusted ? 'warn' : 'bad'}>Off</Badge> {message}
    </>
  )
}

const Fact = ({ name, children }: { name: string; children: ReactNode }) => (
  <>
    <dt className="text-muted">{name}</dt>
    <dd className="min-w-0">{children}</dd>
  </>
)
