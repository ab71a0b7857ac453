import type { ProviderId } from '@stewrd/core/llm/providers.ts'
import { fallbackLlm } from '../llm/current.ts'
import type { Platform } from '../platform.ts'
import { router, sessionProcedure } from '../trpc/trpc.ts'

/** How the installation is doing. `behind` counts log entries that a view has not seen yet; a `quarantined` view has stopped. Times are unix milliseconds. */
export type SystemHealth = {
  version: string
  node: string
  /** Server processes that share the database and are alive. */
  nodes: number
  startedAt: number
  uptimeMs: number
  log: { size: number }
  views: { view: string; behind: number; status: 'live' | 'quarantined' }[]
  fallback: {
    status: 'default' | 'demo' | 'none'
    provider: ProviderId | null
    baseUrl: string | null
    model: string | null
  }
}

export const systemRouter = router({
  health: sessionProcedure.query(({ ctx }): Promise<SystemHealth> => systemHealth(ctx.platform)),
})

export async function systemHealth(platform: Platform): Promise<SystemHealth> {
  const [size, views, nodes] = await Promise.all([
    platform.history.size(),
    platform.views.status(),
    platform.nodes.count(),
  ])
  const { version, node, startedAt } = platform
  const uptimeMs = platform.now() - startedAt
  return {
    version,
    node,
    nodes,
    startedAt,
    uptimeMs,
    log: { size },
    views: views.map(({ view, lag, status }) => ({ view, behind: lag, status })),
    fallback: fallbackLlm(platform.fallback),
  }
}
