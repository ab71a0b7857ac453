import { count } from '../../lib/format.ts'
import type { Budget } from './queries.ts'

export const toneOf = ({ state }: Pick<Budget, 'state'>) =>
  ({ within: 'good', warning: 'warn', spent: 'bad' })[state] as 'good' | 'warn' | 'bad'

/** `12,000 tokens` or `$1.20`. */
export const amount = (what: Budget['what'], value: number) =>
  what === 'tokens' ? `${count(value)} tokens` : `$${(value / 100).toFixed(2)}`
