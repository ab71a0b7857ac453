import { Link, useParams } from '@tanstack/react-router'
import { Square } from 'lucide-react'
import { useRef, useState } from 'react'
import { Button } from '../../components/ui/button.tsx'
import { Field, Input, Textarea } from '../../components/ui/field.tsx'
import { Notice } from '../../components/ui/states.tsx'
import { Badge, Card, Mono, PageHeader } from '../../components/ui/surface.tsx'
import { count, duration } from '../../lib/format.ts'
import { useNewKey } from '../api-keys/new-keys.ts'
import { useLlm } from '../llm/queries.ts'
import { KeySource } from '../runs/run-status.tsx'
import type { AgentAnswer } from './run-agent.ts'
import { runAgent } from './run-agent.ts'

type Outcome = { text: string; answer?: AgentAnswer; problem?: string; stopped?: boolean }

/** Runs the agent as a client would, with the project's API key, and streams the answer. */
export function PlaygroundPage() {
  const { projectId } = useParams({ from: '/app/projects/$projectId/playground' })
  const llm = useLlm(projectId)
  const newKey = useNewKey(projectId)
  // In the memory of this page only: an API key does not belong into a browser's storage.
  const [entered, setEntered] = useState('')
  const [message, setMessage] = useState('')
  const [outcome, setOutcome] = useState<Outcome>()
  const [busy, setBusy] = useState(false)
  const abort = useRef<AbortController>(null)
  const apiKey = entered.trim() || newKey

  const run = async () => {
    if (!apiKey) return
    abort.current = new AbortController()
    setBusy(true)
    setOutcome({ text: '' })
    try {
      const onToken = (text: string) => setOutcome((o) => ({ ...o, text: (o?.text ?? '') + text }))
      const answer = await runAgent(apiKey, message, { signal: abort.current.signal, onToken })
      setOutcome({ text: answer.message, answer })
    } catch (error) {
      const stopped = abort.current.signal.aborted
      setOutcome((o) => ({
        text: o?.text ?? '',
        ...(stopped ? { stopped } : { problem: error instanceof Error ? error.message : 'It failed.' }),
      }))
    } finally {
      setBusy(false)
    }
  }
  return (
    <>
      <PageHeader
        title="Playground"
        description="Runs the agent over the public API, as your code would."
        actions={llm.data?.status === 'demo' && <Badge tone="warn">Demo model</Badge>}
      />
      <div className="grid items-start gap-5 lg:grid-cols-2">
        <Card title="Request">
          <form
            className="flex flex-col gap-4 px-4 py-4 sm:px-5"
            onSubmit={(event) => {
              event.preventDefault()
              void run()
            }}
          >
            <Field
              label="API key"
              hint={
                newKey && !entered
                  ? 'The key that you just made is used.'
                  : "The project's key. Kept in this page only, until you leave it."
              }
            >
              {(ids) => (
                <Input
                  {...ids}
                  type="password"
                  autoComplete="off"
                  spellCheck={false}
                  value={entered}
                  placeholder={newKey ? '••••••••' : 'sk-stw_…'}
                  onChange={(e) => setEntered(e.target.value)}
                />
              )}
            </Field>
            <Field label="Message" hint="Ctrl+Enter, or Command+Enter on a Mac, runs it.">
              {(ids) => (
                <Textarea
                  {...ids}
                  rows={6}
                  value={message}
                  placeholder="Say hello"
                  onChange={(e) => setMessage(e.target.value)}
                  onKeyDown={(e) => {
                    if (e.key === 'Enter' && (e.metaKey || e.ctrlKey) && message.trim() && !busy) void run()
                  }}
                />
              )}
            </Field>
            <div className="flex gap-2">
              <Button type="submit" look="primary" busy={busy} disabled={!apiKey || !message.trim()}>
                Run
              </Button>
              {busy && (
                <Button onClick={() => abort.current?.abort()}>
                  <Square aria-hidden /> Stop watching
                </Button>
              )}
            </div>
          </form>
        </Card>
        <Card title="Answer">
          <div className="flex min-h-64 flex-col gap-4 px-4 py-4 sm:px-5" aria-busy={busy}>
            {!outcome && <p className="text-[13px] text-muted">The answer appears here word by word.</p>}
            {outcome && (outcome.text || busy) && (
              <p aria-live="polite" className="leading-relaxed break-words whitespace-pre-wrap">
                {outcome.text}
                {busy && (
                  <span
                    aria-hidden
                    className="ml-0.5 inline-block h-4 w-1.5 animate-pulse bg-accent align-text-bottom"
                  />
                )}
              </p>
            )}
            {outcome?.problem && <Notice tone="bad">{outcome.problem}</Notice>}
            {outcome?.stopped && <Notice>You stopped watching. The run goes on: see Runs.</Notice>}
            {outcome?.answer && <Used projectId={projectId} answer={outcome.answer} />}
          </div>
        </Card>
      </div>
    </>
  )
}

function Used({ projectId, answer: { id, meta, usage } }: { projectId: string; answer: AgentAnswer }) {
  return (
    <div className="mt-auto flex flex-wrap items-center gap-x-4 gap-y-1.5 border-t pt-3 text-xs text-muted">
      <Mono className="text-xs">{meta.model}</Mono>
      {meta.key_fingerprint ? (
        <Mono className="text-xs">{meta.key_fingerprint}</Mono>
      ) : (
        <KeySource source={meta.key_source} />
      )}
      <span className="tnum">revision {meta.config_revision}</span>
      <span className="tnum">{count(usage.tokens_used)} tokens</span>
      <span className="tnum">{duration(meta.duration_ms)}</span>
      <Link
        to="/projects/$projectId/runs/$runId"
        params={{ projectId, runId: id }}
        className="rounded text-accent hover:underline"
      >
        Open run
      </Link>
    </div>
  )
}
