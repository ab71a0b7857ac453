import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { movableClock } from '@stewrd/db/testing/database-clock.ts'
import { createTestDatabase } from '@stewrd/db/testing/database.ts'
import { expect, vi } from 'vitest'
import { clientOf, owner, signIn } from '../../../testing/server.ts'
import type { ServerProcess } from '../../../testing/server-process.ts'
import { makeHome, removeHome, startServer, stewrd } from '../../../testing/server-process.ts'
import type { Model } from './models.ts'
import { neutralServer, ownDouble } from './models.ts'

export type Project = { projectId: string; apiKey: string }
/** A project whose provider is `model`. */
export type Side = Project & { model: Model }
type Call = { apiKey?: string; headers?: Record<string, string>; to?: ServerProcess }

export type Bed = Awaited<ReturnType<typeof openBed>>
/** `allow`: another host that the server may call. */
type Options = {
  variables?: Record<string, string>
  allow?: string
  through?: (databaseUrl: string) => Promise<string>
}

/** A server in a process of its own, as a person starts it, with a project on each of the two providers. */
export async function openBed({ variables = {}, allow, through = async (url) => url }: Options = {}) {
  const key = `sk-conformance-${randomUUID()}`
  const [database, home, double, neutral] = await Promise.all([
    createTestDatabase(),
    makeHome(),
    ownDouble(key),
    neutralServer(key),
  ])
  const own = {
    DATABASE_URL: await through(database.url),
    STEWRD_KEYRING: `file:${join(home, 'keyring.json')}`,
    STEWRD_EGRESS_ALLOW: [double.host, neutral.host, ...(allow === undefined ? [] : [allow])].join(),
    ...variables,
  }
  const clock = await movableClock(database.url)
  await stewrd(home, ['owner', 'create', '--email', owner.email], { stdin: owner.password, variables: own })
  const server = await startServer(home, own)
  const others: ServerProcess[] = []
  const client = clientOf(server.url, await signIn(server.url, owner))

  /** `null`: without a provider. */
  async function newProject(model: Model | null): Promise<Project> {
    const { projectId, apiKey } = await client.projects.create.mutate({ name: 'Conformance' })
    const to = { projectId, provider: 'custom', model: 'gpt-4o' } as const
    if (model) await client.llm.set.mutate({ ...to, baseUrl: model.baseUrl, key: model.key })
    return { projectId, apiKey: apiKey! }
  }
  const side = async (model: Model): Promise<Side> => ({ model, ...(await newProject(model)) })
  const sides = { double: await side(double), neutral: await side(neutral) }

  /** Undefined as a body sends none; text is sent as it is. */
  const call = (method: string, path: string, body?: unknown, { apiKey, headers, to = server }: Call = {}) =>
    fetch(`${to.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${apiKey ?? sides.double.apiKey}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })

  /** Another node of the same deployment. */
  async function another(more: Record<string, string> = {}): Promise<ServerProcess> {
    const node = await startServer(await makeHome(), { ...own, ...more })
    others.push(node)
    return node
  }

  return {
    server,
    client,
    database,
    sides,
    double,
    key,
    home,
    variables: own,
    call,
    newProject,
    another,
    /** Moves the database's clock, and waits until the nodes have followed: time has passed for all of them. */
    async moveTime(secondsAhead: number) {
      await clock.moveTo(secondsAhead)
      const follows = async ({ url }: ServerProcess) => {
        const response = await fetch(`${url}/readyz`)
        const { clock_ahead_ms: ms = 0 } = (await response.json()) as { clock_ahead_ms?: number }
        expect(Math.abs(ms + secondsAhead * 1000)).toBeLessThan(10_000)
      }
      await vi.waitFor(() => Promise.all([server, ...others].map(follows)), { timeout: 60_000, interval: 100 })
    },
    /** As the providers are when a test begins. */
    calm() {
      double.upstream.release()
      for (const { model } of Object.values(sides)) {
        model.reply(undefined)
        model.fail(undefined)
      }
    },
    async close() {
      double.upstream.release()
      await Promise.all([server, ...others].map((node) => node.kill()))
      await Promise.all([double.close(), neutral.close()])
      await database.drop()
      await Promise.all([server, ...others].map((node) => removeHome(node.home)))
    },
  }
}
