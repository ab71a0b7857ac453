import { Link, useParams } from '@tanstack/react-router'
import { ArrowLeft } from 'lucide-react'
import type { ReactNode } from 'react'
import { Failed, Notice, Skeleton } from '../../components/ui/states.tsx'
import { Card, Mono } from '../../components/ui/surface.tsx'
import { At } from '../../components/ui/time.tsx'
import { count, duration, usd } from '../../lib/format.ts'
import { FileChips } from '../files/file-chips.tsx'
import { ReceiptCard } from '../proof/receipt-card.tsx'
import type { RunDetail } from './queries.ts'
import { useRun } from './queries.ts'
import { EventsCard } from './events-card.tsx'
import { KeySource, RunStatus } from './run-status.tsx'
import { RunTimeline } from './run-timeline.tsx'

export function RunPage() {
  const { projectId, runId } = useParams({ from: '/app/projects/$projectId/runs/$runId' })
  const run = useRun(projectId, runId)
  return (
    <>
      <Link
        to="/projects/$projectId/runs"
        params={{ projectId }}
        className="mb-3 inline-flex items-center gap-1.5 rounded text-[13px] text-muted hover:text-text"
      >
        <ArrowLeft className="size-3.5" aria-hidden /> Runs
      </Link>
      <h1 className="mb-5 flex flex-wrap items-center gap-3 text-lg font-semibold tracking-tight">
        Run {run.data && <RunStatus status={run.data.status} error={run.data.error} />}
      </h1>
      {run.isError ? (
        <Failed error={run.error} retry={() => void run.refetch()} />
      ) : !run.data ? (
        <Skeleton className="h-64" />
      ) : (
        <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-5 lg:grid-cols-[minmax(0,1fr)_18rem]">
          <div className="flex flex-col gap-4">
            <Message title="Message" projectId={projectId} files={run.data.files}>
              {run.data.request}
            </Message>
            {run.data.status === 'failed' ? (
              <Notice tone="bad" title={run.data.error ?? 'Failed'}>
                {run.data.message}
              </Notice>
            ) : (
              <Message title="Answer" projectId={projectId} files={madeIn(run.data.events)}>
                {run.data.message || noAnswer[run.data.status]}
              </Message>
            )}
            <RunTimeline steps={run.data.events.slice(1)} startedAt={run.data.startedAt} />
            <EventsCard events={run.data.events} />
            {run.data.endedAt !== null && <ReceiptCard projectId={projectId} runId={runId} />}
          </div>
          <Card title="What it used">
            <dl className="flex flex-col gap-3 px-4 py-4 text-[13px] sm:px-5">
              <Fact name="Model">
                <Mono>{run.data.model}</Mono>
              </Fact>
              <Fact name="Provider">
                {run.data.provider} <Mono className="block text-xs text-muted">{run.data.baseUrl}</Mono>
              </Fact>
              <Fact name="Key">
                {run.data.keyFingerprint ? (
                  <Mono>{run.data.keyFingerprint}</Mono>
                ) : (
                  <KeySource source={run.data.keySource} />
                )}
              </Fact>
              {run.data.fallback && (
                <Fact name="Went on with the old key">
                  <Mono>{run.data.fallback}</Mono>
                  <span className="block text-xs text-muted">The provider answered 401 to the key above.</span>
                </Fact>
              )}
              <Fact name="Configuration revision">
                <span className="tnum">{run.data.configRevision}</span>
              </Fact>
              <Fact name="Tokens">
                <span className="tnum">
                  {count(run.data.tokens.input)} in, {count(run.data.tokens.output)} out
                </span>
              </Fact>
              <Fact name="Started">
                <At at={run.data.startedAt} />
              </Fact>
              <Fact name="Cost">
                {run.data.costNanoUsd === null ? 'Unknown: the provider does not tell' : usd(run.data.costNanoUsd)}
              </Fact>
              {run.data.sessionId && (
                <Fact name="Session">
                  <Link
                    to="/projects/$projectId/sessions/$sessionId"
                    params={{ projectId, sessionId: run.data.sessionId }}
                    className="rounded text-accent hover:underline"
                  >
                    <Mono>{run.data.sessionId}</Mono>
                  </Link>
                </Fact>
              )}
              <Fact name="Took">{run.data.endedAt === null ? '–' : duration(run.data.durationMs)}</Fact>
              <Fact name="Id">
                <Mono>{run.data.runId}</Mono>
              </Fact>
            </dl>
          </Card>
        </div>
      )}
    </>
  )
}

const noAnswer = {
  running: 'Not there yet…',
  waiting: 'Not there yet: the run waits until the client sends the outputs of its tools.',
  completed: 'The model answered with nothing.',
  failed: '',
  cancelled: 'The client stopped the run before there was an answer.',
} as const

type MessageProps = { title: string; projectId: string; files: RunDetail['files']; children: ReactNode }

const Message = ({ title, projectId, files, children }: MessageProps) => (
  <Card title={title}>
    <div className="flex flex-col gap-3 px-4 py-4 sm:px-5">
      <p className="leading-relaxed break-words whitespace-pre-wrap">{children}</p>
      <FileChips projectId={projectId} files={files} label={`Files of the ${title.toLowerCase()}`} />
    </div>
  </Card>
)

const madeIn = (events: RunDetail['events']) =>
  events.flatMap(({ event }) => (event.type === 'ToolReturned' ? event.data.files : []))

const Fact = ({ name, children }: { name: string; children: ReactNode }) => (
  <div>
    <dt className="mb-0.5 text-xs text-muted">{name}</dt>
    <dd>{children}</dd>
  </div>
)
