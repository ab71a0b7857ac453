import { Link, useParams } from '@tanstack/react-router'
import { ArrowLeft, LoaderCircle } from 'lucide-react'
import type { ReactNode } from 'react'
import { useState } from 'react'
import { toast } from 'sonner'
import { Button, buttonStyle } from '../../components/ui/button.tsx'
import { ConfirmDialog } from '../../components/ui/confirm-dialog.tsx'
import { Empty, Failed, Skeleton } from '../../components/ui/states.tsx'
import { Card, Mono } from '../../components/ui/surface.tsx'
import { Ago, At } from '../../components/ui/time.tsx'
import { trpc } from '../../lib/trpc.ts'
import type { Outputs } from '../../lib/trpc.ts'
import { FileChips } from '../files/file-chips.tsx'
import { useAtRest } from '../projects/queries.ts'
import { SessionStatus } from './session-status.tsx'

type Session = Outputs['sessions']['get']

/** One conversation, as it was said. */
export function SessionPage() {
  const { projectId, sessionId } = useParams({ from: '/app/projects/$projectId/sessions/$sessionId' })
  const session = trpc.sessions.get.useQuery(
    { projectId, sessionId },
    {
      refetchInterval: ({ state }) =>
        state.data && ['deleted', 'expired'].includes(state.data.status) ? false : 2_000,
    },
  )
  const atRest = useAtRest(projectId)
  const [asking, setAsking] = useState(false)
  const { data } = session
  return (
    <>
      <Link
        to="/projects/$projectId/sessions"
        params={{ projectId }}
        className="mb-3 inline-flex items-center gap-1.5 rounded text-[13px] text-muted hover:text-text"
      >
        <ArrowLeft className="size-3.5" aria-hidden /> Sessions
      </Link>
      <div className="mb-5 flex flex-wrap items-center justify-between gap-3">
        <h1 className="flex flex-wrap items-center gap-3 text-lg font-semibold tracking-tight">
          Session {data && <SessionStatus status={data.status} />}
        </h1>
        {data && data.status !== 'deleted' && (
          <div className="flex gap-2">
            <Link
              to="/projects/$projectId/runs"
              params={{ projectId }}
              search={{ session: sessionId }}
              className={buttonStyle({ size: 'sm' })}
            >
              Its runs
            </Link>
            <Button size="sm" look="danger" why={atRest} onClick={() => setAsking(true)}>
              Delete
            </Button>
          </div>
        )}
      </div>
      {session.isError ? (
        <Failed error={session.error} retry={() => void session.refetch()} />
      ) : !data ? (
        <Skeleton className="h-64" />
      ) : (
        <div className="flex flex-col gap-4">
          <Facts session={data} />
          <Conversation projectId={projectId} session={data} />
        </div>
      )}
      <DeleteDialog id={{ projectId, sessionId }} open={asking} onOpenChange={setAsking} />
    </>
  )
}

const Facts = ({ session: { sessionId, openedAt, activeAt, expiresAt, status } }: { session: Session }) => (
  <dl className="flex flex-wrap gap-x-8 gap-y-2 text-[13px]">
    <Fact name="Opened">
      <At at={openedAt} />
    </Fact>
    <Fact name="Last activity">
      <Ago at={activeAt} />
    </Fact>
    {status === 'active' && (
      <Fact name="Expires">
        <At at={expiresAt} />
      </Fact>
    )}
    <Fact name="Id">
      <Mono>{sessionId}</Mono>
    </Fact>
  </dl>
)

const Fact = ({ name, children }: { name: string; children: ReactNode }) => (
  <div>
    <dt className="text-xs text-muted">{name}</dt>
    <dd>{children}</dd>
  </div>
)

function Conversation({ projectId, session: { turns, busy, status } }: { projectId: string; session: Session }) {
  if (turns.length === 0 && !busy)
    return (
      <Card>
        <Empty title={status === 'deleted' ? 'This session was deleted' : 'Nothing was said yet'}>
          {status === 'deleted'
            ? 'Its runs can still be read, and so can its history.'
            : 'Messages appear here as they are answered.'}
        </Empty>
      </Card>
    )
  return (
    <Card title="Conversation">
      <ol className="flex flex-col gap-6 px-4 py-5 sm:px-5">
        {turns.map(({ runId, message, answer, files, at }) => (
          <li key={runId} className="flex flex-col gap-3">
            <p className="ml-auto max-w-[85%] rounded-xl rounded-br-sm border bg-sunken px-3.5 py-2.5 leading-relaxed break-words whitespace-pre-wrap">
              {message}
            </p>
            {answer === null ? (
              <p className="text-[13px] text-muted">There is no answer: the run failed or was stopped.</p>
            ) : (
              <p className="leading-relaxed break-words whitespace-pre-wrap">
                {answer || 'The model answered with nothing.'}
              </p>
            )}
            <FileChips projectId={projectId} files={files} label="Files of this message" />
            <p className="flex flex-wrap gap-x-4 border-t pt-2 text-xs text-muted">
              <At at={at} />
              <Link
                to="/projects/$projectId/runs/$runId"
                params={{ projectId, runId }}
                className="rounded text-accent underline underline-offset-2"
              >
                Open run
              </Link>
            </p>
          </li>
        ))}
        {busy && (
          <li className="flex items-center gap-2 text-[13px] text-muted">
            <LoaderCircle className="size-3.5 animate-spin" aria-hidden />
            <span>A message is being answered.</span>
            <Link
              to="/projects/$projectId/runs/$runId"
              params={{ projectId, runId: busy }}
              className="rounded text-accent underline underline-offset-2"
            >
              Open run
            </Link>
          </li>
        )}
      </ol>
    </Card>
  )
}

type DialogProps = {
  id: { projectId: string; sessionId: string }
  open: boolean
  onOpenChange: (open: boolean) => void
}

function DeleteDialog({ id, open, onOpenChange }: DialogProps) {
  const utils = trpc.useUtils()
  const remove = trpc.sessions.delete.useMutation({ onSuccess: () => utils.sessions.invalidate() })
  return (
    <ConfirmDialog
      open={open}
      onOpenChange={onOpenChange}
      title="Delete this session?"
      confirm="Delete"
      danger
      busy={remove.isPending}
      error={remove.error}
      onConfirm={async () => {
        await remove.mutateAsync(id)
        onOpenChange(false)
        toast.success('The session is deleted.')
      }}
    >
      Clients can send nothing to it any more. Its runs stay as they are.
    </ConfirmDialog>
  )
}
