import type { ListedModel } from '@stewrd/runtime/provider/list-models.ts'
import { describeModels } from '@stewrd/runtime/provider/list-models.ts'
import { demoEgress } from '@stewrd/runtime/demo/demo-model.ts'
import type { FastifyInstance } from 'fastify'
import { LRUCache } from 'lru-cache'
import type { Credential } from '../runs/credentials.ts'
import { isDemo } from '../runs/credentials.ts'
import { failureOf } from '../runs/carry-out.ts'
import { targetOf } from '../runs/start-run.ts'
import type { V1 } from '../runs/v1.ts'

const FRESH_MS = 5 * 60_000

/** `GET /v1/models`: what the project's provider offers, as OpenAI's clients read it. */
export function modelsRoute(app: FastifyInstance, { deps, credentials }: V1): void {
  const lists = new LRUCache<string, ListedModel[], Credential>({
    max: 500,
    ttl: FRESH_MS,
    allowStaleOnFetchRejection: true,
    noDeleteOnFetchRejection: true,
    noDeleteOnStaleGet: true,
    // Many that ask at once ask the provider once.
    fetchMethod: (_name, _old, { context }) => {
      const target = targetOf(context)
      return describeModels(isDemo(target) ? demoEgress : deps.egress, {
        ...target.provider,
        key: target.key,
      })
    },
  })
  deps.onForget(() => lists.clear())

  app.get('/v1/models', async (request) => {
    const credential = await credentials.of(request.headers.authorization, { reload: true })
    const target = targetOf(credential)
    const name = `${credential.projectId}/${credential.revision}/${target.source}`
    const models = await lists.fetch(name, { context: credential, ttl: FRESH_MS }).catch((error: unknown) => {
      throw failureOf(error)
    })
    const all = models ?? []
    // A deployment's own key is for its own model, whatever else it could call.
    const offered = target.source === 'project' ? all : all.filter(({ id }) => id === target.model)
    const own = offered.some(({ id }) => id === target.model) ? offered : [{ id: target.model }, ...offered]
    return { object: 'list', data: own.map((model) => wireModel(model, target)) }
  })
}

const wireModel = (
  { id, contextLength, price }: ListedModel,
  target: { model: string; provider: { provider: string } },
) => ({
  id,
  object: 'model',
  created: 0,
  owned_by: target.provider.provider,
  ...(contextLength !== undefined && { context_length: contextLength }),
  ...(price && { pricing: { prompt: String(price.input), completion: String(price.output) } }),
  stewrd: { default: id === target.model },
})
