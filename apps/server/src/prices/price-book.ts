import type { Prices } from '@stewrd/core/prices/prices.ts'
import { costOf, prices, pricesStream } from '@stewrd/core/prices/prices.ts'
import type { Head } from '@stewrd/core/kernel/decider.ts'
import type { StreamId } from '@stewrd/core/kernel/execute.ts'
import type { Egress } from '@stewrd/runtime/egress/egress.ts'
import { describeModels } from '@stewrd/runtime/provider/list-models.ts'
import { LRUCache } from 'lru-cache'
import type { RunTarget } from '../runs/credentials.ts'
import { isDemo } from '../runs/credentials.ts'

type Deps = {
  accountId: string
  store: { head(decider: typeof prices, stream: StreamId): Promise<Head<Prices>> }
  egress: Pick<Egress, 'fetch'>
}
type Tokens = { input: number; output: number }
type PerToken = { input: number; output: number }

/** A changed price counts on every server after so long. */
const TABLE_MS = 5_000
const LIST_MS = 60 * 60_000
/** A provider that does not answer is not asked again for so long. */
const SILENT_MS = 5 * 60_000
/** A run never waits longer for a list of prices: then its cost is unknown. */
const PATIENCE_MS = 1_500

/** What runs cost where the provider does not say so in its answer: by the prices of its list, else by the operator's table. */
export class PriceBook {
  readonly #deps: Deps
  readonly #table = new LRUCache<'table', Prices>({
    max: 1,
    ttl: TABLE_MS,
    allowStaleOnFetchRejection: true,
    noDeleteOnFetchRejection: true,
    fetchMethod: async () => (await this.#deps.store.head(prices, pricesStream(this.#deps.accountId))).state,
  })
  readonly #lists = new LRUCache<string, ReadonlyMap<string, PerToken>, RunTarget>({
    max: 200,
    ttl: LIST_MS,
    fetchMethod: (_baseUrl, _old, { context, options }) =>
      this.#listed(context).catch(() => {
        options.ttl = SILENT_MS
        return new Map()
      }),
  })

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** In 1e-9 USD; null when nobody knows a price. Never fails, and never takes long. */
  async cost(target: RunTarget, tokens: Tokens): Promise<number | null> {
    if (isDemo(target) || tokens.input + tokens.output === 0) return null
    const list = tells(target) ? await inTime(this.#list(target)) : undefined
    const price = list?.get(target.model) ?? (await this.#own(target.model))
    return price ? costOf(price, tokens) : null
  }

  /** Asks for the list of prices meanwhile, so that nobody waits for it. */
  warm(target: RunTarget): void {
    if (tells(target)) void this.#list(target)
  }

  /** The table is read anew, as after a change that was made here. */
  forget(): void {
    this.#table.clear()
  }

  readonly #list = (target: RunTarget) => this.#lists.fetch(target.provider.baseUrl, { context: target })

  async #own(model: string): Promise<PerToken | undefined> {
    const table = await this.#table.fetch('table').catch(() => undefined)
    return table?.prices.find((one) => one.model === model)
  }

  /** Prices by model, of those for which the provider tells one. */
  async #listed({ provider, key }: RunTarget): Promise<ReadonlyMap<string, PerToken>> {
    const models = await describeModels(this.#deps.egress, { ...provider, key })
    return new Map(
      models.flatMap(({ id, price }) =>
        price ? [[id, { input: price.input * 1e9, output: price.output * 1e9 }]] : [],
      ),
    )
  }
}

/** Others list no prices, and are not asked for them with the project's key. */
const tells = ({ provider }: RunTarget) => provider.provider === 'openrouter'

async function inTime<T>(found: Promise<T | undefined>): Promise<T | undefined> {
  const over = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => over.resolve(undefined), PATIENCE_MS)
  try {
    return await Promise.race([found, over.promise])
  } finally {
    clearTimeout(timer)
  }
}
