import type { Egress } from '../egress/egress.ts'
import { clientOf, within } from './client.ts'
import { Aborted, ProviderError } from './errors.ts'
import { scrubberOf } from './reading/key-scrubber.ts'
import { providerError } from './thrown.ts'
import type { ProviderTarget } from './target.ts'

const TIMEOUT_MS = 10_000
const MOST = 5_000

/** Prices in USD for one token; absent where the provider does not tell. */
export type ListedModel = { id: string; contextLength?: number; price?: { input: number; output: number } }

/** Model ids as the provider lists them, sorted, at most 5,000. Throws `ProviderError`. */
export const listModels = async (egress: Pick<Egress, 'fetch'>, target: ProviderTarget): Promise<string[]> =>
  (await describeModels(egress, target)).map(({ id }) => id)

/** The same with what the provider tells of each: OpenRouter tells context length and price. */
export async function describeModels(egress: Pick<Egress, 'fetch'>, target: ProviderTarget): Promise<ListedModel[]> {
  try {
    const models = modelsIn(await clientOf(egress, target).get('/models', within(TIMEOUT_MS)))
    if (!models) throw new ProviderError('compute_error', 'The provider sent a list of models that cannot be read.')
    const scrubber = scrubberOf(target.key)
    return models
      .flatMap((model: unknown) => listed(model) ?? [])
      .filter(({ id }) => !scrubber.finds(id))
      .slice(0, MOST)
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
  } catch (error) {
    const mapped = providerError(error)
    throw mapped instanceof Aborted
      ? new ProviderError('compute_unavailable', 'The provider did not answer in time.')
      : mapped
  }
}

/** The entries of a list of models: `{data: […]}` as OpenAI has it, or a bare array. Undefined for anything else. */
export function modelsIn(body: unknown): unknown[] | undefined {
  if (Array.isArray(body)) return body
  if (typeof body !== 'object' || body === null || !('data' in body)) return undefined
  return Array.isArray(body.data) ? body.data : undefined
}

/** What calls itself compatible may send anything. */
function listed(model: unknown): ListedModel | undefined {
  if (typeof model !== 'object' || model === null || !('id' in model)) return undefined
  const { id, context_length: context, pricing } = model as Record<string, unknown>
  if (typeof id !== 'string' || id.length === 0 || id.length > 200) return undefined
  const { prompt, completion } = (pricing ?? {}) as Record<string, unknown>
  const [input, output] = [priceOf(prompt), priceOf(completion)]
  return {
    id,
    ...(typeof context === 'number' && Number.isSafeInteger(context) && context > 0 && { contextLength: context }),
    ...(input !== undefined && output !== undefined && { price: { input, output } }),
  }
}

/** OpenRouter writes prices as text, and -1 for one that varies. */
function priceOf(value: unknown): number | undefined {
  const price = typeof value === 'string' || typeof value === 'number' ? Number(value) : Number.NaN
  return price >= 0 && price < 1 ? price : undefined
}
