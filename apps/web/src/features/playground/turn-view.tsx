import type { RunAnswer } from '@stewrd/core/runs/wire.ts'
import { Link } from '@tanstack/react-router'
import { Check, LoaderCircle, Paperclip } from 'lucide-react'
import { Notice } from '../../components/ui/states.tsx'
import { Mono } from '../../components/ui/surface.tsx'
import { download } from '../../lib/download.ts'
import { count, duration } from '../../lib/format.ts'
import { KeySource } from '../runs/run-status.tsx'
import type { Turn } from './use-conversation.ts'

/** A message, what the run does for it, and its answer as it comes. */
export function TurnView({ projectId, turn, busy }: { projectId: string; turn: Turn; busy: boolean }) {
  const { message, files, text, steps, answer, problem, stopped } = turn
  return (
    <li className="flex flex-col gap-3">
      <div className="ml-auto max-w-[85%] rounded-xl rounded-br-sm border bg-sunken px-3.5 py-2.5">
        <p className="leading-relaxed break-words whitespace-pre-wrap">{message}</p>
        {files.map((name) => (
          <p key={name} className="mt-1 flex items-center gap-1.5 text-xs text-muted">
            <Paperclip className="size-3" aria-hidden /> {name}
          </p>
        ))}
      </div>
      {steps.map((step, i) => (
        <p key={i} className="flex items-center gap-2 text-[13px] text-muted">
          {step.ended ? (
            <Check className="size-3.5 text-good" aria-hidden />
          ) : (
            <LoaderCircle className="size-3.5 animate-spin" aria-hidden />
          )}
          {step.message}
        </p>
      ))}
      {(text || busy) && (
        <p aria-live="polite" className="leading-relaxed break-words whitespace-pre-wrap">
          {text}
          {busy && (
            <span aria-hidden className="ml-0.5 inline-block h-4 w-1.5 animate-pulse bg-accent align-text-bottom" />
          )}
        </p>
      )}
      {problem && <Notice tone="bad">{problem}</Notice>}
      {stopped && <Notice>You stopped the run.</Notice>}
      {answer && answer.files.length > 0 && <Made files={answer.files} />}
      {answer && <Used projectId={projectId} answer={answer} />}
    </li>
  )
}

const Made = ({ files }: { files: RunAnswer['files'] }) => (
  <ul aria-label="Files that it made" className="flex flex-wrap gap-2">
    {files.map(({ name, content, url }, i) => (
      <li key={`${i}-${name}`}>
        <button
          type="button"
          aria-label={`Download ${name}`}
          onClick={() => (url ? location.assign(url) : download(name, 'application/octet-stream', content ?? ''))}
          className="inline-flex items-center gap-2 rounded-md border bg-sunken px-2.5 py-1.5 text-[13px] hover:border-line-strong"
        >
          <Paperclip className="size-3.5 text-muted" aria-hidden />
          {name}
        </button>
      </li>
    ))}
  </ul>
)

function Used({ projectId, answer: { id, meta, usage } }: { projectId: string; answer: RunAnswer }) {
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-1.5 border-t pt-2.5 text-xs text-muted">
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
