import {
  Bot,
  CircleCheck,
  CircleAlert,
  CirclePause,
  CircleStop,
  CircleX,
  Cpu,
  Reply,
  RotateCw,
  Settings2,
  Wrench,
} from 'lucide-react'
import type { ComponentType, ReactNode } from 'react'
import { Card, Mono } from '../../components/ui/surface.tsx'
import { count, dateTime, duration } from '../../lib/format.ts'
import { cn } from '../../lib/cn.ts'
import type { RunStep } from './queries.ts'

type Look = {
  icon: ComponentType<{ className?: string }>
  title: ReactNode
  tone?: string
  body?: ReactNode
  fact?: string
}

/** What happened in a run, step by step. */
export function RunTimeline({ steps, startedAt }: { steps: readonly RunStep[]; startedAt: number }) {
  return (
    <Card title="Step by step">
      <ol className="flex flex-col px-4 py-4 sm:px-5">
        {steps.map((step, i) => {
          const { icon: Icon, title, tone, body, fact } = lookOf(step)
          return (
            <li key={step.seq} className="relative flex gap-3 pb-5 last:pb-0">
              {i < steps.length - 1 && (
                <span aria-hidden className="absolute top-7 bottom-0 left-[13px] w-px bg-line" />
              )}
              <span
                aria-hidden
                className={cn(
                  'grid size-[27px] shrink-0 place-items-center rounded-full border bg-panel text-muted',
                  tone,
                )}
              >
                <Icon className="size-3.5" />
              </span>
              <div className="min-w-0 flex-1 pt-0.5">
                <p className="flex flex-wrap items-baseline justify-between gap-x-3 text-[13px]">
                  <span className="font-medium">{title}</span>
                  <span className="tnum text-xs text-muted" title={dateTime(step.at)}>
                    {fact && `${fact} · `}+{duration(Math.max(0, step.at - startedAt))}
                  </span>
                </p>
                {body}
              </div>
            </li>
          )
        })}
      </ol>
    </Card>
  )
}

function lookOf({ event }: RunStep): Look {
  switch (event.type) {
    case 'ModelAnswered': {
      const { content, toolCalls, tokens, durationMs } = event.data
      const fact = `${count(tokens.input)} in, ${count(tokens.output)} out · ${duration(durationMs)}`
      const calls = toolCalls.map((call) => (
        <Block key={call.id} label={`Calls ${call.name}`}>
          {call.arguments || '{}'}
        </Block>
      ))
      return {
        icon: Bot,
        title: toolCalls.length > 0 ? 'The model called tools' : 'The model answered',
        fact,
        body: (
          <>
            {content && toolCalls.length > 0 && (
              <p className="mt-1 text-[13px] break-words whitespace-pre-wrap text-muted">{content}</p>
            )}
            {calls}
          </>
        ),
      }
    }
    case 'ToolCalled':
      return { icon: Wrench, title: event.data.message || `Called ${event.data.tool}` }
    case 'ToolReturned': {
      const { tool, output, failed, durationMs } = event.data
      return {
        icon: Reply,
        title: failed ? `${tool} failed` : `${tool} returned`,
        fact: duration(durationMs),
        ...(failed && { tone: 'text-bad border-bad/40' }),
        body: <Block label={failed ? 'What the model was told' : 'Result'}>{output}</Block>,
      }
    }
    case 'ToolOutputsRequested':
      return {
        icon: CirclePause,
        title: `Waited for the client: ${event.data.calls.map(({ name }) => name).join(', ')}`,
        fact: `round ${event.data.round} of 10`,
        tone: 'text-warn border-warn/40',
      }
    case 'ToolOutputsSubmitted':
      return {
        icon: Reply,
        title: 'The client sent the outputs',
        body: event.data.outputs.map(({ callId, output }) => (
          <Block key={callId} label={callId}>
            {output}
          </Block>
        )),
      }
    case 'RunFellBack':
      return {
        icon: CircleAlert,
        title: 'The provider failed, so the run went on with the server’s model',
        body: <Small>{event.data.code}</Small>,
        tone: 'text-warn border-warn/40',
      }
    case 'RunResumed':
      return { icon: RotateCw, title: 'Another server went on with it', body: <Small>{event.data.node}</Small> }
    case 'RunReconfigured': {
      const { model, keyFingerprint, configRevision } = event.data
      return {
        icon: Settings2,
        title: `Went on with revision ${configRevision} of the configuration`,
        body: <Small>{`${model} ${keyFingerprint ?? ''}`}</Small>,
      }
    }
    case 'KeyFellBack':
      return { icon: Cpu, title: 'Went on with the old key', body: <Small>{event.data.to}</Small> }
    case 'RunCompleted':
      return { icon: CircleCheck, title: 'Completed', tone: 'text-good border-good/40' }
    case 'RunFailed':
      return { icon: CircleX, title: `Failed: ${event.data.code}`, tone: 'text-bad border-bad/40' }
    case 'RunCancelled':
      return { icon: CircleStop, title: 'Stopped by the client' }
    case 'RunStarted':
      return { icon: Cpu, title: 'Started' }
    default:
      return event satisfies never
  }
}

const Small = ({ children }: { children: string }) => <Mono className="block text-xs text-muted">{children}</Mono>

const Block = ({ label, children }: { label: string; children: string }) => (
  <figure className="mt-2">
    <figcaption className="text-xs text-muted">{label}</figcaption>
    <pre
      tabIndex={0}
      className="mt-1 max-h-48 overflow-auto rounded-md border bg-sunken px-3 py-2 font-mono text-xs break-words whitespace-pre-wrap"
    >
      {children || '(empty)'}
    </pre>
  </figure>
)
