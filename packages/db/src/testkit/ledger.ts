import { randomUUID } from 'node:crypto'
import type { CommandMeta, CreditMove } from '@stewrd/core/kernel/execute.ts'
import type { RunStartedData } from '@stewrd/core/runs/events.ts'
import { runs, runStream } from '@stewrd/core/runs/runs.ts'
import type { EventStore } from '../event-store.ts'
import { by } from './world.ts'
import type { World } from './world.ts'

export const startedRun: RunStartedData = {
  object: 'agent.response',
  plan: 'self-hosted',
  message: 'hello',
  files: [],
  tools: [],
  sessionId: null,
  requestDigest: null,
  deadline: 0,
  capabilities: ['chat'],
  stream: false,
  provider: 'openai',
  baseUrl: 'https://api.openai.com/v1',
  model: 'gpt-4o',
  keySource: 'demo',
  configRevision: 0,
  keyFingerprint: null,
  credits: 1,
  node: 'n',
}

/** Runs of one project that pay. */
export function payers(world: Pick<World, 'accountId'>, projectId = randomUUID()) {
  const id = (runId: string) => ({ accountId: world.accountId, projectId, stream: runStream(runId) })
  return {
    projectId,
    id,
    start: (store: EventStore, runId: string, amount: number, meta: Partial<CommandMeta> = {}) =>
      store.execute(
        runs,
        id(runId),
        { type: 'StartRun', run: { ...startedRun, credits: amount } },
        {
          ...by(`start:${runId}`),
          expectedRevision: 0,
          ...(amount > 0 && { credits: { kind: 'reserve', runId, amount } }),
          ...meta,
        },
      ),
    end: (store: EventStore, runId: string, kind: 'settle' | 'refund', meta: Partial<CommandMeta> = {}) => {
      const credits: CreditMove = { kind, runId }
      const failure = { type: 'FailRun', fence: 1, code: 'compute_error', message: '', durationMs: 1 } as const
      const answer = {
        step: 1,
        content: '',
        refusal: null,
        toolCalls: [],
        finishReason: 'stop',
        tokens: { input: 1, output: 1 },
        tokensEstimated: false,
        costNanoUsd: null,
        extra: null,
        durationMs: 1,
      }
      const command = kind === 'refund' ? failure : ({ type: 'CompleteRun', fence: 1, answer, durationMs: 1 } as const)
      return store.execute(runs, id(runId), command, { ...by(), credits, ...meta })
    },
  }
}
