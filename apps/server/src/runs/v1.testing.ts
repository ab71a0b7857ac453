import { randomUUID } from 'node:crypto'
import { llm, llmStream } from '@stewrd/core/llm/llm.ts'
import { runs, runStream } from '@stewrd/core/runs/runs.ts'
import { Secret } from '@stewrd/crypto/secret.ts'
import { startUpstream } from '@stewrd/runtime/testing/upstream.ts'
import { testPlatform } from '../testing/platform.ts'
import { listen } from '../testing/server.ts'

export const keyA = 'sk-SENTINEL-aaaaaaaaaaaaaaaa'
export const keyB = 'sk-SENTINEL-bbbbbbbbbbbbbbbb'

export type Bed = Awaited<ReturnType<typeof openBed>>
type Project = { projectId: string; apiKey: string }
export type Answer = {
  id: string
  message: string
  status: string
  tool_calls: { id: string; name: string; arguments: unknown }[]
  text?: string
  meta: Record<string, unknown>
  error?: { code: string; message: string; docs: string }
}

type BedOptions = { ownModel?: boolean; variables?: NodeJS.ProcessEnv }

/** A server over HTTP, an upstream on loopback, and a project whose key that upstream accepts. `ownModel`: projects without a key run on the deployment's. */
export async function openBed({ ownModel = false, variables = {} }: BedOptions = {}) {
  const upstream = await startUpstream({ keys: [keyA, keyB] })
  const own = { STEWRD_DEFAULT_BASE_URL: upstream.baseUrl, STEWRD_DEFAULT_API_KEY: keyA, STEWRD_DEFAULT_MODEL: 'o1' }
  const tested = await testPlatform({ STEWRD_EGRESS_ALLOW: upstream.host, ...(ownModel && own), ...variables })
  const server = await listen(tested.platform)
  const { platform } = tested

  async function newProject({ key = keyA }: { key?: string | null } = {}): Promise<Project> {
    const { projectId, apiKey } = await server.client.projects.create.mutate({ name: 'Runs' })
    const to = { projectId, provider: 'custom', baseUrl: upstream.baseUrl, model: 'gpt-4o' } as const
    if (key !== null) await server.client.llm.set.mutate({ ...to, key })
    return { projectId, apiKey: apiKey! }
  }
  const project = await newProject()

  const post = (body: unknown, { apiKey = project.apiKey, headers = {} } = {}) =>
    fetch(`${server.url}/v1/agent`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })

  const started = async (runId: string, { projectId } = project) => {
    const stream = { accountId: platform.accountId, projectId, stream: runStream(runId) }
    return (await platform.store.head(runs, stream)).state
  }

  /** Sets or rotates a key without asking the provider, which may be holding its answers back. */
  async function setKey(projectId: string, key: string) {
    const provider = { provider: 'custom', baseUrl: upstream.baseUrl } as const
    const stream = { accountId: platform.accountId, projectId, stream: llmStream(projectId) }
    const sealed = await platform.secrets.sealKey(projectId, provider.baseUrl, new Secret(key))
    const { revision } = await platform.store.head(llm, stream)
    const meta = { commandId: randomUUID(), actor: 'operator:test' }
    if (revision === 0)
      await platform.store.execute(llm, stream, { type: 'SetProvider', provider, model: 'gpt-4o', key: sealed }, meta)
    else await platform.store.execute(llm, stream, { type: 'RotateKey', key: sealed }, meta)
  }

  const close = async () => {
    await server.close()
    await tested.close()
    await upstream.close()
  }
  return { upstream, tested, server, project, newProject, post, started, setKey, close }
}

export const answered = async (response: Promise<Response>) => (await (await response).json()) as Answer

/** The events of a stream of server-sent events. */
export const frames = (text: string) =>
  text
    .split('\n\n')
    .filter(Boolean)
    .map((frame) => {
      const field = (name: string) =>
        frame
          .split('\n')
          .find((line) => line.startsWith(`${name}: `))
          ?.slice(name.length + 2)
      return { id: field('id'), event: field('event')!, data: JSON.parse(field('data')!) as Answer }
    })
