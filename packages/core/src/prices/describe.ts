import type { Describe } from '../kernel/sentence.ts'
import { sentence } from '../kernel/sentence.ts'
import type { PriceEvent } from './events.ts'

/** USD for a million tokens. */
const perMillion = (nano: number) => `$${nano / 1000}`

export const describePrices = {
  PriceSet: ({ model, input, output }) =>
    sentence`set the price of ${model} to ${perMillion(input)} in and ${perMillion(output)} out for a million tokens`,
  PriceRemoved: ({ model }) => sentence`removed the price of ${model}`,
} satisfies Describe<PriceEvent>
