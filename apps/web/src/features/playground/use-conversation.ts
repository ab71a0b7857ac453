import type { RunAnswer } from '@stewrd/core/runs/wire.ts'
import { useRef, useState } from 'react'
import type { Tool } from './client.ts'
import { ask, openSession, stopRun, submitOutputs, uploadFile } from './client.ts'

/** A message with what came of it. */
export type Turn = {
  id: string
  message: string
  files: readonly string[]
  text: string
  steps: readonly { tool: string; message: string; ended: boolean }[]
  runId?: string
  answer?: RunAnswer
  problem?: string
  stopped?: true
}
export type Draft = { message: string; files: readonly File[]; tools: readonly Tool[]; remembers: boolean }

/** A conversation over the public API, in the memory of this page. */
export function useConversation(apiKey: string | undefined) {
  const [turns, setTurns] = useState<readonly Turn[]>([])
  const [busy, setBusy] = useState(false)
  const abort = useRef<AbortController>(null)
  const session = useRef<string>(undefined)
  const last = turns.at(-1)

  const change = (id: string, to: (turn: Turn) => Partial<Turn>) =>
    setTurns((all) => all.map((turn) => (turn.id === id ? { ...turn, ...to(turn) } : turn)))

  /** Carries `work` out for the turn, and says there how it ended. */
  async function during(id: string, work: (signal: AbortSignal) => Promise<RunAnswer>) {
    const { signal } = (abort.current = new AbortController())
    setBusy(true)
    try {
      const answer = await work(signal)
      change(id, () => ({ answer, text: answer.message, runId: answer.id }))
    } catch (error) {
      const problem = error instanceof TypeError ? 'The server cannot be reached.' : messageOf(error)
      change(id, () => (signal.aborted ? { stopped: true } : { problem }))
    } finally {
      setBusy(false)
    }
  }

  async function send({ message, files, tools, remembers }: Draft) {
    if (!apiKey || busy) return
    const id = crypto.randomUUID()
    setTurns((all) => [...all, { id, message, files: files.map(({ name }) => name), text: '', steps: [] }])
    await during(id, async (signal) => {
      const fileIds = await Promise.all(files.map((file) => uploadFile(apiKey, file)))
      if (remembers) session.current ??= await openSession(apiKey)
      const sessionId = remembers ? session.current : undefined
      return ask(
        apiKey,
        { message, fileIds, tools, sessionId },
        {
          signal,
          onRun: (runId) => change(id, () => ({ runId })),
          onToken: (text) => change(id, (turn) => ({ text: turn.text + text })),
          onTool: (step) => change(id, ({ steps }) => ({ steps: withStep(steps, step) })),
        },
      )
    })
  }

  async function submit(outputs: readonly { id: string; output: string }[]) {
    if (!apiKey || !last?.runId || busy) return
    const { id, runId } = last
    await during(id, (signal) => submitOutputs(apiKey, runId, outputs, signal))
  }

  /** The run itself is stopped, and not only the watching. */
  function stop() {
    abort.current?.abort()
    if (apiKey && last?.runId) void stopRun(apiKey, last.runId).catch(() => {})
  }

  function restart() {
    session.current = undefined
    setTurns([])
  }

  const waiting = last?.answer?.status === 'requires_tool_outputs' ? last.answer.tool_calls : []
  return { turns, busy, waiting, send, submit, stop, restart }
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : 'It failed.')

function withStep(steps: Turn['steps'], step: { tool: string; message: string } | { ended: string }): Turn['steps'] {
  if ('tool' in step) return [...steps, { ...step, ended: false }]
  const at = steps.findIndex(({ tool, ended }) => tool === step.ended && !ended)
  return steps.map((one, i) => (i === at ? { ...one, ended: true } : one))
}
