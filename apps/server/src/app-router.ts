import type { inferRouterInputs, inferRouterOutputs } from '@trpc/server'
import { accountRouter } from './account/router.ts'
import { apiKeysRouter } from './api-keys/router.ts'
import { auditRouter } from './audit/router.ts'
import type { Person } from './auth/people.ts'
import { creditsRouter } from './credits/router.ts'
import { filesRouter } from './files/router.ts'
import { historyRouter } from './history/router.ts'
import { keyCustodyRouter } from './key-custody/router.ts'
import { keysRouter } from './keys/router.ts'
import { llmRouter } from './llm/router.ts'
import { pricesRouter } from './prices/router.ts'
import { proofRouter } from './proof/router.ts'
import { projectsRouter } from './projects/router.ts'
import { runsRouter } from './runs/router.ts'
import { sessionsRouter } from './sessions/router.ts'
import { setupRouter } from './setup/router.ts'
import { systemRouter } from './system/router.ts'
import { router, sessionProcedure } from './trpc/trpc.ts'
import { usageRouter } from './usage/router.ts'
import { webhooksRouter } from './webhooks/router.ts'

/** Everything that the dashboard can ask for. Sign-in itself is better-auth's, under /api/auth. */
export const appRouter = router({
  me: sessionProcedure.query(({ ctx }): Person => ctx.user),
  account: accountRouter,
  setup: setupRouter,
  projects: projectsRouter,
  llm: llmRouter,
  keyCustody: keyCustodyRouter,
  keys: keysRouter,
  apiKeys: apiKeysRouter,
  credits: creditsRouter,
  files: filesRouter,
  history: historyRouter,
  audit: auditRouter,
  prices: pricesRouter,
  proof: proofRouter,
  runs: runsRouter,
  sessions: sessionsRouter,
  usage: usageRouter,
  webhooks: webhooksRouter,
  system: systemRouter,
})

export type AppRouter = typeof appRouter
export type RouterInputs = inferRouterInputs<AppRouter>
export type RouterOutputs = inferRouterOutputs<AppRouter>
