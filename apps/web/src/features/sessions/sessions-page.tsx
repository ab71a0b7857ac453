import { Link, useParams } from '@tanstack/react-router'
import { MessagesSquare } from 'lucide-react'
import { buttonStyle } from '../../components/ui/button.tsx'
import { Older } from '../../components/ui/older.tsx'
import { Empty, Failed, Rows } from '../../components/ui/states.tsx'
import { Card, Mono, PageHeader } from '../../components/ui/surface.tsx'
import { Ago } from '../../components/ui/time.tsx'
import { count } from '../../lib/format.ts'
import { trpc } from '../../lib/trpc.ts'
import { SessionStatus } from './session-status.tsx'

/** Conversations of the project's clients, the newest first. */
export function SessionsPage() {
  const { projectId } = useParams({ from: '/app/projects/$projectId/sessions' })
  const sessions = trpc.sessions.list.useInfiniteQuery(
    { projectId, limit: 50 },
    { getNextPageParam: (page) => page.nextCursor, refetchInterval: 5_000 },
  )
  const rows = sessions.data?.pages.flatMap((page) => page.sessions) ?? []
  return (
    <>
      <PageHeader
        title="Sessions"
        description="Conversations: each message sees what was said before. They expire after 30 minutes without activity."
      />
      <Card>
        {sessions.isError ? (
          <Failed error={sessions.error} retry={() => void sessions.refetch()} />
        ) : sessions.isPending ? (
          <Rows />
        ) : rows.length === 0 ? (
          <Empty
            icon={<MessagesSquare aria-hidden />}
            title="No sessions yet"
            action={
              <Link
                to="/projects/$projectId/playground"
                params={{ projectId }}
                className={buttonStyle({ look: 'primary' })}
              >
                Open the playground
              </Link>
            }
          >
            Clients open one with <code className="font-mono">POST /v1/sessions</code>; the playground does too.
          </Empty>
        ) : (
          <div className="relative overflow-x-auto" tabIndex={0} role="region" aria-label="Sessions, newest first">
            <table className="w-full min-w-[40rem] text-left text-[13px]">
              <thead>
                <tr className="border-b text-xs text-muted">
                  {['Status', 'Session', 'Messages', 'Last activity', 'Opened'].map((name) => (
                    <th key={name} scope="col" className="px-4 py-2.5 font-medium first:pl-5 last:pr-5 last:text-right">
                      {name}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody className="divide-y">
                {rows.map(({ sessionId, status, messages, runs, activeAt, openedAt }) => (
                  <tr key={sessionId} className="relative hover:bg-sunken/60">
                    <td className="py-2.5 pl-5">
                      <Link
                        to="/projects/$projectId/sessions/$sessionId"
                        params={{ projectId, sessionId }}
                        className="after:absolute after:inset-0"
                        aria-label={`Session ${sessionId}, ${status}`}
                      >
                        <SessionStatus status={status} />
                      </Link>
                    </td>
                    <td className="px-4">
                      <Mono className="whitespace-nowrap">{sessionId.slice(0, 13)}…</Mono>
                    </td>
                    <td className="tnum px-4">
                      {count(messages)}
                      {runs > messages && <span className="text-muted"> of {count(runs)}</span>}
                    </td>
                    <td className="px-4 text-muted">
                      <Ago at={activeAt} />
                    </td>
                    <td className="py-2.5 pr-5 text-right text-muted">
                      <Ago at={openedAt} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
        <Older pages={sessions} what="sessions" />
      </Card>
    </>
  )
}
