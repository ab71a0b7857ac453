import type { EventShape } from './event.ts'

/** A history sentence without its subject: plain words, and values that a page sets off. Reads on from the actor's name. */
export type Sentence = readonly (string | { value: string })[]

/** Exhaustive by type: an event without a sentence does not compile. */
export type Describe<Event extends EventShape> = {
  [T in Event['type']]: (data: Extract<Event, { type: T }>['data']) => Sentence
}

export function sentence(words: TemplateStringsArray, ...values: readonly (string | number)[]): Sentence {
  return words.flatMap((text, i) => [
    ...(text ? [text] : []),
    ...(i < values.length ? [{ value: String(values[i]) }] : []),
  ])
}

/** The sentence as one line of text. */
export const plain = (parts: Sentence): string => parts.map((p) => (typeof p === 'string' ? p : p.value)).join('')
