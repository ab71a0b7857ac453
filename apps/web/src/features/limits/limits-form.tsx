import type { ProjectLimits } from '@stewrd/core/projects/limits.ts'
import { useState } from 'react'
import { toast } from 'sonner'
import { Button } from '../../components/ui/button.tsx'
import { Field, Input } from '../../components/ui/field.tsx'
import { Notice } from '../../components/ui/states.tsx'
import { Card } from '../../components/ui/surface.tsx'
import { count } from '../../lib/format.ts'
import { messageOf } from '../../lib/trpc.ts'
import type { Usage } from './queries.ts'
import { useChangeLimits } from './queries.ts'

type Typed = Record<keyof ProjectLimits, string>

/** What the project may use. An empty field is no limit of its own. */
export function LimitsForm({ projectId, usage, fixed }: { projectId: string; usage: Usage; fixed: boolean }) {
  const { limits, revision, serverRunsPerMinute, server: ofServer } = usage
  const [typed, setTyped] = useState<Typed>()
  const change = useChangeLimits()
  const shown = typed ?? typedOf(limits)
  const next = limitsOf(shown)
  const changed = next !== undefined && JSON.stringify(next) !== JSON.stringify(limits)
  const save = async () => {
    if (!next) return
    await change.mutateAsync({ projectId, limits: next, expectedRevision: revision, commandId: crypto.randomUUID() })
    setTyped(undefined)
    toast.success('Saved. The next run begins under these limits.')
  }
  const server = (value: number) => (value > 0 ? `${count(value)} (the server's)` : 'No limit')
  const field = (name: keyof ProjectLimits, label: string, hint: string, placeholder: string, step = '1') => (
    <Field label={label} hint={hint}>
      {(ids) => (
        <Input
          {...ids}
          type="number"
          inputMode="decimal"
          min={name === 'runsPerMinute' ? 0 : step}
          step={step}
          placeholder={placeholder}
          disabled={fixed}
          value={shown[name]}
          onChange={(e) => setTyped({ ...shown, [name]: e.target.value })}
        />
      )}
    </Field>
  )
  return (
    <Card title="Limits" description="Empty: no limit of its own. They hold on every server from the next run on.">
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void save().catch(() => {})
        }}
      >
        <div className="grid gap-x-6 gap-y-5 px-4 py-4 sm:grid-cols-2 sm:px-5">
          {field(
            'runsPerMinute',
            'Runs a minute',
            'In any 60 seconds. 0: as many as come.',
            server(serverRunsPerMinute),
          )}
          {field('runsAtOnce', 'Runs at once', 'One more is refused until one has ended.', 'No limit')}
          {field('monthlyTokens', 'Tokens a month', 'A warning at 80 %; at 100 % new runs are refused.', 'No budget')}
          {field('monthlyCents', 'US dollars a month', 'The same, of what is known of the cost.', 'No budget', '0.01')}
          {field('storedMegabytes', 'MB of files', 'A file beyond that is refused.', server(ofServer.storedMegabytes))}
          {field('storedFiles', 'Files', 'One more is refused until one is removed.', server(ofServer.storedFiles))}
          {field('openSessions', 'Open sessions', 'One more is refused.', server(ofServer.openSessions))}
        </div>
        {change.isError && (
          <div className="px-4 pb-4 sm:px-5">
            <Notice tone="bad">{messageOf(change.error)}</Notice>
          </div>
        )}
        <div className="flex justify-end gap-2 border-t px-4 py-3 sm:px-5">
          {typed && <Button onClick={() => setTyped(undefined)}>Discard</Button>}
          <Button type="submit" look="primary" disabled={!changed || fixed} busy={change.isPending}>
            Save limits
          </Button>
        </div>
      </form>
    </Card>
  )
}

const typedOf = (limits: ProjectLimits): Typed => ({
  runsPerMinute: text(limits.runsPerMinute),
  runsAtOnce: text(limits.runsAtOnce),
  monthlyTokens: text(limits.monthlyTokens),
  monthlyCents: limits.monthlyCents === null ? '' : String(limits.monthlyCents / 100),
  storedMegabytes: text(limits.storedMegabytes),
  storedFiles: text(limits.storedFiles),
  openSessions: text(limits.openSessions),
})
const text = (value: number | null) => (value === null ? '' : String(value))

/** Undefined while a field holds no number. */
function limitsOf(typed: Typed): ProjectLimits | undefined {
  const limits = {
    runsPerMinute: number(typed.runsPerMinute),
    runsAtOnce: number(typed.runsAtOnce),
    monthlyTokens: number(typed.monthlyTokens),
    monthlyCents: number(typed.monthlyCents, 100),
    storedMegabytes: number(typed.storedMegabytes),
    storedFiles: number(typed.storedFiles),
    openSessions: number(typed.openSessions),
  }
  return Object.values(limits).some(Number.isNaN) ? undefined : limits
}
const number = (value: string, factor = 1) => (value.trim() === '' ? null : Math.round(Number(value) * factor))
