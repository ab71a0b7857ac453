import type { ListedModel } from '@stewrd/runtime/provider/list-models.ts'
import { describeModels } from '@stewrd/runtime/provider/list-models.ts'
import { demoEgress } from '@stewrd/runtime/demo/demo-model.ts'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { LRUCache } from 'lru-cache'
import type { Credential } from '../runs/credentials.ts'
import { isDemo } from '../runs/credentials.ts'
import { ContractError } from '../runs/contract-error.ts'
import { failureOf } from '../runs/carry-out.ts'
import { targetOf } from '../runs/start-run.ts'
import type { V1 } from '../runs/v1.ts'

const FRESH_MS = 5 * 60_000

/** `GET /v1/models` and one of them: what the project's provider offers, as OpenAI's clients read it. */
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

  async function offered(request: FastifyRequest) {
    const credential = await credentials.of(request.headers.authorization, { reload: true })
    const target = targetOf(credential)
    const name = `${credential.projectId}/${credential.revision}/${target.source}`
    const models = await lists.fetch(name, { context: credential, ttl: FRESH_MS }).catch((error: unknown) => {
      throw failureOf(error)
    })
    const all = models ?? []
    // A deployment's own key is for the models that its operator names, whatever else it could call.
    const own = target.source === 'project' ? undefined : (target.allowance?.models ?? [target.model])
    const allowed = own ? all.filter(({ id }) => own.includes(id)) : all
    const missing = (own ?? [target.model]).filter((model) => !allowed.some(({ id }) => id === model))
    return [...missing.map((id) => ({ id })), ...allowed].map((model) => wireModel(model, target))
  }

  async function one(request: FastifyRequest, wanted: string) {
    const model = (await offered(request)).find(({ id }) => id === wanted)
    if (!model) throw new ContractError('not_found', 'The provider lists no model with this id. See GET /v1/models.')
    return model
  }

  app.get('/v1/models', async (request) => ({ object: 'list', data: await offered(request) }))
  app.get<{ Params: { id: string } }>('/v1/models/:id', (request) => one(request, request.params.id))
  // Ids hold slashes, which some clients do not encode.
  app.get<{ Params: { '*': string } }>('/v1/models/*', (request) => one(request, request.params['*']))
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
