import type { ProviderId } from '@stewrd/core/llm/providers.ts'
import type { ClockStanding } from '@stewrd/db/clock.ts'
import { treeState } from '@stewrd/db/log-tree/checkpoints.ts'
import type { DiskProblem } from '../kernel/disk-watch.ts'
import { fallbackLlm } from '../llm/current.ts'
import type { Platform } from '../platform.ts'
import type { RunCapacity } from '../runs/capacity.ts'
import { clockMessage, offBy } from './clock-message.ts'
import type { DatabaseHealth } from './database.ts'
import { databaseHealth } from './database.ts'
import type { SetAside, Stopped } from './stopped-view.ts'
import { setAsideOf, stoppedBy } from './stopped-view.ts'
import { router, sessionProcedure } from '../trpc/trpc.ts'

/** How the installation is doing. Times are unix milliseconds. */
export type SystemHealth = {
  version: string
  node: string
  /** Server processes that share the database and are alive. */
  nodes: number
  startedAt: number
  uptimeMs: number
  clock: ClockHealth
  /** Why the server cannot write a folder of its own; null while it can. */
  disk: DiskProblem | null
  /** Runs of this node. `refused`: starts that it had no room for since it began; `atOnce`, `waiting`: its bounds. */
  runs: { running: number; starting: number; refused: number } & RunCapacity
  database: DatabaseHealth
  log: LogHealth
  views: ViewHealth[]
  fallback: {
    status: 'default' | 'demo' | 'none'
    provider: ProviderId | null
    baseUrl: string | null
    model: string | null
  }
}

/** This node's clock, and every node that is alive and whose clock is more than two seconds off; `aheadMs` is negative for one that is behind. */
type ClockHealth = ClockStanding & { message: string; nodesOff: { node: string; aheadMs: number; by: string }[] }

/** `setAside`: rows that the view goes on without; null while there are none. `behind` counts log entries that it has not seen yet, `perSecond` those it went through lately; null while that is not known. */
type ViewHealth = {
  view: string
  behind: number
  perSecond: number | null
  stopped: Stopped | null
  setAside: SetAside | null
}

/** `treeSize` entries are hashed, those before the checkpoint are signed. While there is an alarm nothing is. */
type LogHealth = {
  size: number
  treeSize: number
  checkpoint: { size: number; at: number } | null
  origin: string
  verifierKey: string
  alarm: { code: string; message: string; since: number } | null
}

export const systemRouter = router({
  health: sessionProcedure.query(({ ctx }): Promise<SystemHealth> => systemHealth(ctx.platform)),
})

export async function systemHealth(platform: Platform): Promise<SystemHealth> {
  const [database, log, views, setAside, nodes, clocksOff] = await Promise.all([
    databaseHealth(platform),
    logHealth(platform),
    platform.views.status(),
    platform.views.setAside(),
    platform.nodes.count(),
    platform.nodes.clocksOff(),
  ])
  const { version, node, startedAt, runLoad } = platform
  const { capacity, running, starting, refused } = runLoad
  const uptimeMs = platform.now() - startedAt
  return {
    version,
    node,
    nodes,
    startedAt,
    uptimeMs,
    clock: clockHealth(platform, clocksOff),
    disk: platform.disk.problem ?? null,
    database,
    log,
    views: views.map((status) => ({
      view: status.view,
      behind: status.lag,
      perSecond: platform.viewRates.of(status.view),
      stopped: stoppedBy(status),
      setAside: setAsideOf(status.view, setAside.get(status.view)),
    })),
    runs: { running, starting, refused, ...capacity },
    fallback: fallbackLlm(platform.fallback),
  }
}

function clockHealth({ clock }: Platform, off: readonly { node: string; aheadMs: number }[]): ClockHealth {
  const standing = clock.standing()
  const nodesOff = off.map(({ node, aheadMs }) => ({ node, aheadMs, by: `${offBy(aheadMs)} the database` }))
  return { ...standing, message: clockMessage(standing), nodesOff }
}

async function logHealth({ history, sql, publicLog }: Platform): Promise<LogHealth> {
  const [size, tree, checkpoint] = await Promise.all([history.size(), treeState(sql), publicLog.published.refresh()])
  return {
    size,
    treeSize: tree.size,
    checkpoint: checkpoint ? { size: checkpoint.size, at: checkpoint.at } : null,
    origin: publicLog.origin,
    verifierKey: publicLog.verifierKey,
    alarm: tree.alarm,
  }
}
