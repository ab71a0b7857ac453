import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router'
import { z } from 'zod'
import { HistorySearch } from '../features/history/search.ts'
import { RunsSearch } from '../features/runs/search.ts'
import { UsageSearch } from '../features/usage/search.ts'
import { Crashed, NotFound } from './crashed.tsx'
import { AppLayout } from './layout.tsx'
import { ProjectLayout } from './project-layout.tsx'

const root = createRootRoute({ notFoundComponent: NotFound, errorComponent: Crashed })

const setup = createRoute({
  getParentRoute: () => root,
  path: '/setup',
  component: lazyRouteComponent(() => import('../features/auth/setup-page.tsx'), 'SetupPage'),
})
const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: z.object({
    next: z.string().optional().catch(undefined),
    ended: z.boolean().optional().catch(undefined),
  }),
  component: lazyRouteComponent(() => import('../features/auth/sign-in-page.tsx'), 'SignInPage'),
})

const app = createRoute({ getParentRoute: () => root, id: 'app', component: AppLayout })
const projects = createRoute({
  getParentRoute: () => app,
  path: '/',
  component: lazyRouteComponent(() => import('../features/projects/projects-page.tsx'), 'ProjectsPage'),
})
const history = createRoute({
  getParentRoute: () => app,
  path: '/history',
  validateSearch: HistorySearch,
  component: lazyRouteComponent(() => import('../features/history/history-page.tsx'), 'AccountHistoryPage'),
})
const rotations = createRoute({
  getParentRoute: () => app,
  path: '/rotations',
  component: lazyRouteComponent(() => import('../features/audit/rotations-page.tsx'), 'AccountRotationsPage'),
})
const usage = createRoute({
  getParentRoute: () => app,
  path: '/usage',
  validateSearch: UsageSearch,
  component: lazyRouteComponent(() => import('../features/usage/usage-page.tsx'), 'AccountUsagePage'),
})
const system = createRoute({
  getParentRoute: () => app,
  path: '/system',
  component: lazyRouteComponent(() => import('../features/system/system-page.tsx'), 'SystemPage'),
})
const keys = createRoute({
  getParentRoute: () => app,
  path: '/keys',
  component: lazyRouteComponent(() => import('../features/keys/keys-page.tsx'), 'KeysPage'),
})

const project = createRoute({ getParentRoute: () => app, path: '/projects/$projectId', component: ProjectLayout })
const overview = createRoute({
  getParentRoute: () => project,
  path: '/',
  component: lazyRouteComponent(() => import('../features/projects/overview-page.tsx'), 'OverviewPage'),
})
const playground = createRoute({
  getParentRoute: () => project,
  path: '/playground',
  component: lazyRouteComponent(() => import('../features/playground/playground-page.tsx'), 'PlaygroundPage'),
})
const runs = createRoute({
  getParentRoute: () => project,
  path: '/runs',
  validateSearch: RunsSearch,
  component: lazyRouteComponent(() => import('../features/runs/runs-page.tsx'), 'RunsPage'),
})
const run = createRoute({
  getParentRoute: () => project,
  path: '/runs/$runId',
  component: lazyRouteComponent(() => import('../features/runs/run-page.tsx'), 'RunPage'),
})
const projectHistory = createRoute({
  getParentRoute: () => project,
  path: '/history',
  validateSearch: HistorySearch,
  component: lazyRouteComponent(() => import('../features/history/history-page.tsx'), 'ProjectHistoryPage'),
})
const timeTravel = createRoute({
  getParentRoute: () => project,
  path: '/time-travel',
  component: lazyRouteComponent(() => import('../features/audit/time-travel-page.tsx'), 'TimeTravelPage'),
})
const projectRotations = createRoute({
  getParentRoute: () => project,
  path: '/rotations',
  component: lazyRouteComponent(() => import('../features/audit/rotations-page.tsx'), 'ProjectRotationsPage'),
})
const sessions = createRoute({
  getParentRoute: () => project,
  path: '/sessions',
  component: lazyRouteComponent(() => import('../features/sessions/sessions-page.tsx'), 'SessionsPage'),
})
const session = createRoute({
  getParentRoute: () => project,
  path: '/sessions/$sessionId',
  component: lazyRouteComponent(() => import('../features/sessions/session-page.tsx'), 'SessionPage'),
})
const projectUsage = createRoute({
  getParentRoute: () => project,
  path: '/usage',
  validateSearch: UsageSearch,
  component: lazyRouteComponent(() => import('../features/usage/usage-page.tsx'), 'ProjectUsagePage'),
})
const files = createRoute({
  getParentRoute: () => project,
  path: '/files',
  component: lazyRouteComponent(() => import('../features/files/files-page.tsx'), 'FilesPage'),
})
const api = createRoute({
  getParentRoute: () => project,
  path: '/api',
  component: lazyRouteComponent(() => import('../features/api/api-page.tsx'), 'ApiPage'),
})
const limits = createRoute({
  getParentRoute: () => project,
  path: '/limits',
  component: lazyRouteComponent(() => import('../features/limits/limits-page.tsx'), 'LimitsPage'),
})
const webhooks = createRoute({
  getParentRoute: () => project,
  path: '/webhooks',
  component: lazyRouteComponent(() => import('../features/webhooks/webhooks-page.tsx'), 'WebhooksPage'),
})

const projectTree = project.addChildren([
  overview,
  playground,
  runs,
  run,
  projectHistory,
  timeTravel,
  projectRotations,
  sessions,
  session,
  projectUsage,
  files,
  api,
  limits,
  webhooks,
])
const appTree = app.addChildren([projects, history, usage, rotations, keys, system, projectTree])

export const router = createRouter({
  routeTree: root.addChildren([setup, signIn, appTree]),
  defaultPreload: 'intent',
  scrollRestoration: true,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
