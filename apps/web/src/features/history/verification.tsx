import { ShieldAlert, ShieldCheck, ShieldQuestion } from 'lucide-react'
import type { ReactNode } from 'react'
import { Button } from '../../components/ui/button.tsx'
import { Notice, Skeleton } from '../../components/ui/states.tsx'
import { At } from '../../components/ui/time.tsx'
import { count } from '../../lib/format.ts'
import { messageOf } from '../../lib/trpc.ts'
import type { HistoryVerification } from './queries.ts'
import { useVerification, useVerify } from './queries.ts'

/** Whether the history is what was recorded, up to where, and the button that finds out. */
export function Verification() {
  const state = useVerification()
  const verify = useVerify()
  if (state.isError) return null
  if (!state.data) return <Skeleton className="mb-5 h-16" />
  const { running, last, failed } = state.data
  return (
    <section aria-label="Verification" className="mb-5 rounded-xl border bg-panel px-4 py-3 text-[13px] sm:px-5">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <div className="flex min-w-0 flex-1 basis-64 items-start gap-3">
          <Standing last={last} />
        </div>
        <Button size="sm" busy={verify.isPending || running !== null} onClick={() => verify.mutate()}>
          {last ? 'Verify again' : 'Verify history'}
        </Button>
      </div>
      {running && <Progress running={running} />}
      {!running && failed && (
        <Below>
          <Notice tone="warn">The last verification could not be carried out. The server's log says why.</Notice>
        </Below>
      )}
      {verify.isError && (
        <Below>
          <Notice tone="bad">{messageOf(verify.error)}</Notice>
        </Below>
      )}
      {last && last.wrong > 0 && <Wrong last={last} />}
      {last?.foreign && last.foreign.count > 0 && <Foreign foreign={last.foreign} />}
    </section>
  )
}

type Last = NonNullable<HistoryVerification['last']>

function Standing({ last }: { last: Last | null }) {
  if (!last)
    return (
      <>
        <ShieldQuestion aria-hidden className="mt-0.5 size-4 shrink-0 text-muted" />
        <p className="text-muted">
          Not verified yet. It recomputes every hash from what is stored, and compares it with what was signed.
        </p>
      </>
    )
  const [Icon, tone] = last.wrong > 0 ? [ShieldAlert, 'text-bad'] : [ShieldCheck, 'text-good']
  return (
    <>
      <Icon aria-hidden className={`mt-0.5 size-4 shrink-0 ${tone}`} />
      <div className="min-w-0">
        <p className="font-medium">{last.wrong > 0 ? 'The history is not what was recorded' : upTo(last)}</p>
        <p className="text-muted">
          {last.checkpoint ? (
            <>
              Checkpoint of {count(last.checkpoint.size)} events, signed <At at={last.checkpoint.at} />.{' '}
            </>
          ) : (
            'No checkpoint is signed yet. '
          )}
          Verified <At at={last.at} /> by {last.by.label}.
        </p>
      </div>
    </>
  )
}

const upTo = ({ size }: Last) =>
  size === 0 ? 'Verified: there is no event yet' : `Verified to event #${count(size - 1)}`

function Progress({ running: { done, total, ms } }: { running: NonNullable<HistoryVerification['running']> }) {
  const rate = ms > 500 && done > 0 ? (done * 1000) / ms : undefined
  return (
    <div className="mt-3 grid gap-1.5">
      <progress className="w-full accent-accent" aria-label="Verified" value={done} max={Math.max(total, 1)} />
      <span className="tnum text-muted">
        {count(done)} of {count(total)} hashes
        {rate && `, ${count(Math.round(rate))} a second, ${Math.ceil((total - done) / rate)} s left`}
      </span>
    </div>
  )
}

const SHOWN = 5

const Wrong = ({ last: { wrong, findings } }: { last: Last }) => (
  <Below>
    <Notice tone="bad" title={wrong === 1 ? 'One thing is wrong' : `${count(wrong)} things are wrong. The first:`}>
      <ul className="grid gap-1 break-words">
        {findings.slice(0, SHOWN).map(({ message }) => (
          <li key={message}>{message}</li>
        ))}
      </ul>
      <p className="mt-1.5">Keep the database as it is, and compare it with a backup and with the anchors.</p>
    </Notice>
  </Below>
)

/** What was recorded under another project than its stream's is as it was recorded. */
const Foreign = ({ foreign: { count: all, findings } }: { foreign: NonNullable<Last['foreign']> }) => (
  <Below>
    <Notice
      tone="warn"
      title={
        all === 1
          ? 'One event was recorded under another project'
          : `${count(all)} events were recorded under another project`
      }
    >
      <ul className="grid gap-1 break-words">
        {findings.slice(0, SHOWN).map(({ message }) => (
          <li key={message}>{message}</li>
        ))}
      </ul>
      <p className="mt-1.5">An earlier version allowed that. Nothing was edited, and these events change nothing.</p>
    </Notice>
  </Below>
)

const Below = ({ children }: { children: ReactNode }) => <div className="mt-3">{children}</div>
