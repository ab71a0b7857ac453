import type { Egress } from '../egress/egress.ts'
import { clientOf, within } from './client.ts'
import { Aborted, providerError, ProviderError } from './errors.ts'
import type { ProviderTarget } from './target.ts'

const TIMEOUT_MS = 10_000
const MOST = 5_000

/** Model ids as the provider lists them, sorted, at most 5,000. Throws `ProviderError`. */
export async function listModels(egress: Pick<Egress, 'fetch'>, target: ProviderTarget): Promise<string[]> {
  try {
    const page: { data?: unknown } = await clientOf(egress, target, TIMEOUT_MS).models.list(within(TIMEOUT_MS))
    if (!Array.isArray(page.data))
      throw new ProviderError('compute_error', 'The provider sent a list of models that cannot be read.')
    const ids = page.data.map((model: unknown) =>
      typeof model === 'object' && model !== null && 'id' in model ? model.id : undefined,
    )
    return ids
      .filter((id): id is string => typeof id === 'string' && id.length > 0 && id.length <= 200)
      .slice(0, MOST)
      .toSorted()
  } catch (error) {
    const mapped = providerError(error)
    throw mapped instanceof Aborted
      ? new ProviderError('compute_unavailable', 'The provider did not answer in time.')
      : mapped
  }
}
