import { providers } from '@stewrd/core/llm/providers.ts'
import { KeyRound, Pencil, ShieldCheck, Trash2 } from 'lucide-react'
import type { ReactNode } from 'react'
import { useState } from 'react'
import { toast } from 'sonner'
import { Button } from '../../components/ui/button.tsx'
import { Failed, Notice, Skeleton } from '../../components/ui/states.tsx'
import { Card, Mono } from '../../components/ui/surface.tsx'
import { Age, Ago } from '../../components/ui/time.tsx'
import { messageOf } from '../../lib/trpc.ts'
import { DueIn, DueNotice } from '../key-custody/due.tsx'
import { PolicyLine } from '../key-custody/policy-line.tsx'
import { FallbackBadge } from '../projects/projects-page.tsx'
import { useAtRest } from '../projects/queries.ts'
import { EditLlmDialog } from './edit-llm-dialog.tsx'
import { HealthBadge } from './health-badge.tsx'
import { OverlapPanel } from './overlap-panel.tsx'
import type { LlmCurrent } from './queries.ts'
import { useLlm, useTestKey } from './queries.ts'
import { RemoveProviderDialog } from './remove-provider-dialog.tsx'
import { StagedPanel } from './staged-panel.tsx'
import { RotateKeyDialog } from './rotate-key-dialog.tsx'

type Open = 'edit' | 'rotate' | 'remove'

/** Provider, key and model of a project, and what can be done with them: nothing while the project is at rest. */
export function LlmCard({ projectId }: { projectId: string }) {
  const llm = useLlm(projectId)
  const atRest = useAtRest(projectId)
  const [open, setOpen] = useState<Open>()
  const own = llm.data?.status === 'own'
  const close = () => setOpen(undefined)
  return (
    <Card
      title="LLM configuration"
      description="What this project's runs use."
      actions={
        <>
          {own && (
            <>
              <TestButton projectId={projectId} why={atRest} />
              <Button size="sm" why={atRest} onClick={() => setOpen('rotate')}>
                <KeyRound aria-hidden /> Rotate key
              </Button>
            </>
          )}
          <Button
            size="sm"
            look={own ? 'secondary' : 'primary'}
            disabled={!llm.data}
            why={atRest}
            onClick={() => setOpen('edit')}
          >
            <Pencil aria-hidden /> {own ? 'Edit' : 'Set provider key'}
          </Button>
          {own && (
            <Button size="sm" look="danger" why={atRest} aria-label="Remove provider" onClick={() => setOpen('remove')}>
              <Trash2 aria-hidden />
            </Button>
          )}
        </>
      }
    >
      {llm.isError ? (
        <Failed error={llm.error} retry={() => void llm.refetch()} />
      ) : llm.data ? (
        <fieldset disabled={atRest !== undefined} className="contents">
          <Facts llm={llm.data} projectId={projectId} atRest={atRest !== undefined} />
        </fieldset>
      ) : (
        <FactsSkeleton />
      )}
      {llm.data && open === 'edit' && <EditLlmDialog projectId={projectId} current={llm.data} onClose={close} />}
      {llm.data && open === 'rotate' && <RotateKeyDialog projectId={projectId} current={llm.data} onClose={close} />}
      {llm.data && open === 'remove' && (
        <RemoveProviderDialog projectId={projectId} current={llm.data} onClose={close} />
      )}
    </Card>
  )
}

function TestButton({ projectId, why }: { projectId: string; why: string | undefined }) {
  const test = useTestKey()
  const run = async () => {
    try {
      const { status, reason, latencyMs } = await test.mutateAsync({ projectId })
      if (status === 'verified') toast.success(`The provider accepts the key (${latencyMs} ms).`)
      else if (status === 'rejected') toast.error('The provider refuses the key.', { description: reason })
      else toast.warning('The key could not be verified.', { description: reason })
    } catch (error) {
      toast.error(messageOf(error))
    }
  }
  return (
    <Button size="sm" busy={test.isPending} why={why} onClick={() => void run()}>
      <ShieldCheck aria-hidden /> Test key
    </Button>
  )
}

function Facts({ llm, projectId, atRest }: { llm: LlmCurrent; projectId: string; atRest: boolean }) {
  return (
    <div className="flex flex-col gap-4 px-4 py-4 sm:px-5">
      {llm.status === 'demo' && !atRest && (
        <Notice tone="warn" title="This project runs on the demo model">
          It gives the same kind of answer to everything and is no real model. Set a provider key to get real answers.
        </Notice>
      )}
      {llm.status === 'default' && !atRest && (
        <Notice title="This project runs on the server's default model">
          The operator pays for it. Set a provider key to use your own.
        </Notice>
      )}
      {llm.status === 'none' && !atRest && (
        <Notice tone="bad" title="This project cannot run yet">
          It has no provider key, and this server has no default model.
        </Notice>
      )}
      {llm.health.status === 'rejected' && (
        <Notice tone="bad" title="The provider rejects the key">
          {llm.health.reason}{' '}
          {llm.fallback ? 'Runs fall back to the old key: roll back, or rotate again.' : 'Rotate the key.'}
        </Notice>
      )}
      {llm.health.status === 'unreachable' && (
        <Notice tone="warn" title="The key has not been verified">
          {llm.health.reason}
        </Notice>
      )}
      <DueNotice rotation={llm.rotation} />
      {llm.fallback && <OverlapPanel projectId={projectId} llm={llm} fallback={llm.fallback} />}
      {llm.staged && <StagedPanel projectId={projectId} llm={llm} staged={llm.staged} />}
      <dl className="grid gap-x-6 gap-y-4 sm:grid-cols-2 lg:grid-cols-4">
        <Fact name="Provider">
          {llm.status === 'demo' ? 'Built-in demo' : llm.provider ? providers[llm.provider].name : '–'}
          {llm.provider === 'custom' && <Mono className="block text-xs text-muted">{llm.baseUrl}</Mono>}
        </Fact>
        <Fact name="Model">
          <Mono>{llm.model ?? '–'}</Mono>
        </Fact>
        <Fact name="Key">
          {llm.status === 'own' ? (
            <span className="flex flex-col items-start gap-1.5">
              <Mono>{llm.keyFingerprint}</Mono>
              <HealthBadge health={llm.health} />
            </span>
          ) : (
            <FallbackBadge status={llm.status} />
          )}
        </Fact>
        <Fact name="Revision">
          <span className="tnum">{llm.revision}</span>
          {llm.changedAt !== null && (
            <span className="block text-xs text-muted">
              <Ago at={llm.changedAt} />
              {llm.changedBy && ` by ${llm.changedBy.label}`}
            </span>
          )}
        </Fact>
        {llm.status === 'own' && (
          <>
            <Fact name="Key age">{llm.keySetAt === null ? '–' : <Age since={llm.keySetAt} />}</Fact>
            <Fact name="Rotation due">
              {llm.rotation ? <DueIn rotation={llm.rotation} /> : '–'}
              <PolicyLine projectId={projectId} />
            </Fact>
            <Fact name="Last used">{llm.lastUsedAt === null ? 'Never' : <Ago at={llm.lastUsedAt} />}</Fact>
            <Fact name="Last checked">
              {llm.health.checkedAt === null ? 'Never' : <Ago at={llm.health.checkedAt} />}
            </Fact>
          </>
        )}
      </dl>
    </div>
  )
}

const Fact = ({ name, children }: { name: string; children: ReactNode }) => (
  <div className="min-w-0">
    <dt className="mb-1 text-xs text-muted">{name}</dt>
    <dd className="text-[13.5px]">{children}</dd>
  </div>
)

const FactsSkeleton = () => (
  <div role="status" aria-label="Loading" className="grid gap-x-6 gap-y-4 px-5 py-4 sm:grid-cols-2 lg:grid-cols-4">
    {['provider', 'model', 'key', 'revision'].map((name) => (
      <div key={name}>
        <Skeleton className="mb-2 h-3 w-14" />
        <Skeleton className="h-4 w-32" />
      </div>
    ))}
  </div>
)
