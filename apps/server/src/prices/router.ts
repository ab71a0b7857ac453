import { changeMeta } from '@stewrd/core/kernel/text.ts'
import type { Price } from '@stewrd/core/prices/events.ts'
import { NanoUsd, PricedModel } from '@stewrd/core/prices/events.ts'
import type { PriceCommand } from '@stewrd/core/prices/prices.ts'
import { prices, pricesStream } from '@stewrd/core/prices/prices.ts'
import { z } from 'zod'
import { metaOf } from '../kernel/change.ts'
import type { Platform } from '../platform.ts'
import { router, sessionProcedure } from '../trpc/trpc.ts'

type PriceTable = { prices: readonly Price[]; revision: number }

export const pricesRouter = router({
  list: sessionProcedure.query(({ ctx }): Promise<PriceTable> => priceTable(ctx.platform)),
  /** In 1e-9 USD for one token. Runs that begin a few seconds later cost that; those before keep what they cost. */
  set: sessionProcedure
    .input(z.strictObject({ model: PricedModel, input: NanoUsd, output: NanoUsd, ...changeMeta }))
    .mutation(({ ctx, input: { model, input, output, ...change } }): Promise<PriceTable> => {
      return changed(ctx.platform, { type: 'SetPrice', model, input, output }, metaOf(change, ctx.actor))
    }),
  remove: sessionProcedure
    .input(z.strictObject({ model: PricedModel, ...changeMeta }))
    .mutation(({ ctx, input: { model, ...change } }): Promise<PriceTable> => {
      return changed(ctx.platform, { type: 'RemovePrice', model }, metaOf(change, ctx.actor))
    }),
})

async function priceTable({ store, accountId }: Platform): Promise<PriceTable> {
  const { state, revision } = await store.head(prices, pricesStream(accountId))
  return { prices: state.prices, revision }
}

async function changed(
  platform: Platform,
  command: PriceCommand,
  meta: ReturnType<typeof metaOf>,
): Promise<PriceTable> {
  await platform.store.execute(prices, pricesStream(platform.accountId), command, meta)
  platform.priceBook.forget()
  return priceTable(platform)
}
