import { Download } from 'lucide-react'
import type { ReactNode } from 'react'
import { Button } from '../../components/ui/button.tsx'
import { Failed, Notice, Skeleton } from '../../components/ui/states.tsx'
import { Badge, Card, Mono } from '../../components/ui/surface.tsx'
import { At } from '../../components/ui/time.tsx'
import { cn } from '../../lib/cn.ts'
import { count } from '../../lib/format.ts'
import { download } from '../../lib/download.ts'
import type { RunReceipt } from './queries.ts'
import { useRunReceipt } from './queries.ts'
import { VerifyHint } from './verify-hint.tsx'

/** The proof of what a run used, for people who have no access here. */
export function ReceiptCard({ projectId, runId }: { projectId: string; runId: string }) {
  const receipt = useRunReceipt(projectId, runId)
  const file = `run-${runId}.proof`
  const ready = receipt.data?.status === 'ready' ? receipt.data : undefined
  return (
    <Card
      title="Run receipt"
      description="Proves to anybody which provider, model and key this run used, and when."
      actions={
        <Button
          size="sm"
          disabled={!ready}
          onClick={() => ready && download(file, 'application/octet-stream', ready.text)}
        >
          <Download aria-hidden /> Download receipt
        </Button>
      }
    >
      <div className="flex flex-col gap-4 px-4 py-4 text-[13px] sm:px-5">
        {receipt.isError ? (
          <Failed error={receipt.error} retry={() => void receipt.refetch()} />
        ) : !receipt.data ? (
          <Skeleton className="h-28" />
        ) : receipt.data.status === 'wrong' ? (
          <Notice tone="bad" title="This run cannot be proved: it is not what was signed">
            <span className="break-words">{receipt.data.message}</span>
          </Notice>
        ) : receipt.data.status === 'waiting' ? (
          <Waiting receipt={receipt.data} />
        ) : (
          <>
            <Proof receipt={receipt.data} />
            <VerifyHint file={file} verifierKey={receipt.data.verifierKey} />
          </>
        )}
      </div>
    </Card>
  )
}

function Waiting({ receipt: { signed, alarm } }: { receipt: Extract<RunReceipt, { status: 'waiting' }> }) {
  if (alarm)
    return (
      <Notice tone="bad" title="The log is not being signed">
        {alarm}
      </Notice>
    )
  return (
    <p role="status" className="flex flex-wrap items-center gap-2 text-muted">
      <Badge tone="warn">Waiting for a signature</Badge>
      The log is signed up to {count(signed)} events. It takes about a second.
    </p>
  )
}

function Proof({ receipt: { run, checkpoint } }: { receipt: Extract<RunReceipt, { status: 'ready' }> }) {
  return (
    <>
      <dl className="grid gap-x-6 gap-y-3 sm:grid-cols-3">
        <Fact name="Proof">
          <Badge tone="good" dot>
            Signed
          </Badge>
        </Fact>
        <Fact name="Place in the log">
          <span className="tnum">{count(run.place)}</span>
        </Fact>
        <Fact name="Checkpoint">
          <span className="tnum">{count(checkpoint.size)}</span> events, <At at={checkpoint.at} />
        </Fact>
        {run.keySetBy && run.keyFingerprint && (
          <Fact name="Key" wide>
            <Mono>{run.keyFingerprint}</Mono>, in use since <At at={run.keySetBy.at} /> (revision{' '}
            {run.keySetBy.revision})
          </Fact>
        )}
      </dl>
      <p className="text-muted">
        The receipt holds the events themselves, also what the run was asked and answered, and no key.
        {run.end ? '' : ' The run has not ended: take it again later to have its end proved, too.'}
      </p>
    </>
  )
}

const Fact = ({ name, wide = false, children }: { name: string; wide?: boolean; children: ReactNode }) => (
  <div className={cn('min-w-0', wide && 'sm:col-span-3')}>
    <dt className="mb-0.5 text-xs text-muted">{name}</dt>
    <dd>{children}</dd>
  </div>
)
