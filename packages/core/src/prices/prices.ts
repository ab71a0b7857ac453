import type { Decider } from '../kernel/decider.ts'
import type { StreamId } from '../kernel/execute.ts'
import type { Price } from './events.ts'
import { PriceEvent } from './events.ts'

export type PriceCommand = ({ type: 'SetPrice' } & Price) | { type: 'RemovePrice'; model: string }
/** By model, in the order in which they were first set. */
export type Prices = { prices: readonly Price[] }

/** One table for the account, which stands in the place of a project. */
export const pricesStream = (accountId: string): StreamId => ({ accountId, projectId: accountId, stream: 'prices' })

export const prices: Decider<Prices, PriceCommand, PriceEvent> = {
  noun: 'prices',
  stateVersion: 1,
  initial: { prices: [] },
  event: PriceEvent,
  decide(command, state) {
    const known = state.prices.find(({ model }) => model === command.model)
    if (command.type === 'RemovePrice')
      return known ? [{ type: 'PriceRemoved', version: 1, data: { model: command.model } }] : []
    const { type: _, ...data } = command
    if (known?.input === data.input && known.output === data.output) return []
    return [{ type: 'PriceSet', version: 1, data }]
  },
  evolve(state, event) {
    const { model } = event.data
    if (event.type === 'PriceRemoved') return { prices: state.prices.filter((one) => one.model !== model) }
    const known = state.prices.some((one) => one.model === model)
    if (!known) return { prices: [...state.prices, event.data] }
    return { prices: state.prices.map((one) => (one.model === model ? event.data : one)) }
  },
}

/** In 1e-9 USD. */
export const costOf = (price: Pick<Price, 'input' | 'output'>, tokens: { input: number; output: number }): number =>
  Math.round(price.input * tokens.input + price.output * tokens.output)
