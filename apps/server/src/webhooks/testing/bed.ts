import type { Delivery } from '@stewrd/db/webhooks/deliveries.ts'
import { startUpstream } from '@stewrd/runtime/testing/upstream.ts'
import { vi } from 'vitest'
import { testPlatform } from '../../testing/platform.ts'
import { listen } from '../../testing/server.ts'
import type { WebhookTimes } from '../worker.ts'
import { startReceiver } from './receiver.ts'

export const KEY = 'sk-SENTINEL-aaaaaaaaaaaaaaaa'
export const quick: WebhookTimes = { retryMs: [200, 400], timeoutMs: 500, lateMs: 60_000, sweepMs: 200 }

export type WebhookBed = Awaited<ReturnType<typeof openWebhookBed>>

/** A server, a provider and a receiver on loopback; projects run on the deployment's model. */
export async function openWebhookBed(times: WebhookTimes = quick, own: NodeJS.ProcessEnv = {}) {
  const [upstream, receiver] = await Promise.all([startUpstream({ keys: [KEY] }), startReceiver()])
  const variables = {
    STEWRD_EGRESS_ALLOW: `${upstream.host},${receiver.host}`,
    STEWRD_DEFAULT_BASE_URL: upstream.baseUrl,
    STEWRD_DEFAULT_API_KEY: KEY,
    STEWRD_DEFAULT_MODEL: 'o1',
    ...own,
  }
  const tested = await testPlatform(variables, undefined, times && { webhookTimes: times })
  const server = await listen(tested.platform)
  const { webhooks, projects } = server.client

  /** A project whose webhook is the receiver. */
  async function newProject(name = 'Hooked') {
    const { projectId, apiKey } = await projects.create.mutate({ name })
    const { secret } = await webhooks.set.mutate({ projectId, url: receiver.url })
    return { projectId, apiKey: apiKey!, secret: secret! }
  }
  const run = (apiKey: string, message = 'Hi') =>
    fetch(`${server.url}/v1/agent`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ message, stream: false }),
    })
  const deliveries = async (projectId: string) => (await webhooks.deliveries.query({ projectId })).deliveries
  /** The only delivery of a project, once it has ended. */
  const ended = (projectId: string, timeout = 15_000): Promise<Delivery> =>
    vi.waitFor(
      async () => {
        const [only, ...more] = await deliveries(projectId)
        if (!only || more.length > 0 || only.status === 'pending') throw new Error('not yet')
        return only
      },
      { timeout, interval: 50 },
    )
  const to = (projectId: string) =>
    receiver.seen.filter(({ body }) => (body.meta as { project_id?: string } | undefined)?.project_id === projectId)
  async function close() {
    await server.close()
    await tested.close()
    await Promise.all([upstream.close(), receiver.close()])
  }
  return { upstream, receiver, tested, server, client: server.client, newProject, run, deliveries, ended, to, close }
}
