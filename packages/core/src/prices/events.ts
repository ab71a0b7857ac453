import { z } from 'zod'
import { defineEvent } from '../kernel/event.ts'
import { line } from '../kernel/text.ts'

/** 1e-9 USD for one token: 150 is 0.15 USD for a million. */
export const NanoUsd = z.int().min(0).max(1_000_000_000)
export const PricedModel = line(200, 'The model')

/** What the operator says that a model costs, where its provider does not tell. */
export const PriceSet = defineEvent(
  'PriceSet',
  1,
  z.strictObject({ model: z.string(), input: NanoUsd, output: NanoUsd }),
)
export const PriceRemoved = defineEvent('PriceRemoved', 1, z.strictObject({ model: z.string() }))

export const PriceEvent = z.discriminatedUnion('type', [PriceSet, PriceRemoved])
export type PriceEvent = z.infer<typeof PriceEvent>
export type Price = z.infer<typeof PriceSet>['data']
