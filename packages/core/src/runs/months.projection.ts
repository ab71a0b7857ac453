import type { Projection } from '../kernel/projection.ts'
import type { RunEvent } from './events.ts'

/** What a project's runs used in a month. `costNanoUsd`: of the answers whose price is known; `unpriced`: how many of the others there were. */
export type MonthRow = {
  projectId: string
  month: string
  requests: number
  completed: number
  failed: number
  credits: number
  tokens: number
  costNanoUsd: number
  unpriced: number
}

/** `2026-11`, of unix milliseconds, in UTC. */
export const monthOf = (at: number) => new Date(at).toISOString().slice(0, 7)
export const monthKey = (projectId: string, at: number) => `${projectId}/${monthOf(at)}`

/** One row a project and month, by when each thing happened. */
export const monthsView: Projection<RunEvent, MonthRow> = {
  name: 'run-months',
  version: 1,
  key: ({ projectId, at }) => monthKey(projectId, at),
  evolve(row, { event, projectId, at }) {
    const of = { projectId, month: monthOf(at) }
    const used = row ?? {
      ...of,
      requests: 0,
      completed: 0,
      failed: 0,
      credits: 0,
      tokens: 0,
      costNanoUsd: 0,
      unpriced: 0,
    }
    switch (event.type) {
      case 'RunStarted':
        return { ...used, requests: used.requests + 1, credits: used.credits + event.data.credits }
      case 'ModelAnswered': {
        const { tokens, costNanoUsd } = event.data
        return {
          ...used,
          tokens: used.tokens + tokens.input + tokens.output,
          costNanoUsd: used.costNanoUsd + (costNanoUsd ?? 0),
          unpriced: used.unpriced + (costNanoUsd === null ? 1 : 0),
        }
      }
      case 'RunCompleted':
        return { ...used, completed: used.completed + 1 }
      case 'RunFailed':
        return { ...used, failed: used.failed + 1 }
      default:
        return row
    }
  },
}
