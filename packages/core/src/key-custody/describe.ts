import type { Describe, Sentence } from '../kernel/sentence.ts'
import { sentence } from '../kernel/sentence.ts'
import type { KeyCustodyEvent } from './events.ts'

export const describeKeyCustody = {
  RotationPolicySet: ({ from, to }) => policy(from, to),
  KeyRetired: ({ fingerprint }) => sentence`destroyed the stored value of the replaced key ${fingerprint}`,
} satisfies Describe<KeyCustodyEvent>

function policy(from: number | null, to: number | null): Sentence {
  if (to === null) return sentence`withdrew the rule that a key is rotated after ${days(from ?? 0)}`
  if (from === null) return sentence`ruled that a key is rotated after ${days(to)}`
  return sentence`changed the time after which a key is rotated from ${days(from)} to ${days(to)}`
}

const days = (n: number) => (n === 1 ? '1 day' : `${n} days`)
