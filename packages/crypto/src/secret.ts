import { timingSafeEqual } from 'node:crypto'
import { inspect } from 'node:util'

const MASK = '[secret]'

/** A value that shows itself only to `reveal()`. As text, JSON, in a template, an inspection or a clone it is a mask. */
export class Secret {
  readonly #value: string
  constructor(value: string) {
    this.#value = value
  }
  /** The value itself. Call it as late as possible, and hand the result to nothing that keeps it. */
  reveal(): string {
    return this.#value
  }
  /** Constant in time for values of equal length. */
  equals(other: Secret): boolean {
    const [a, b] = [Buffer.from(this.#value), Buffer.from(other.#value)]
    return a.length === b.length && timingSafeEqual(a, b)
  }
  toString(): string {
    return MASK
  }
  toJSON(): string {
    return MASK
  }
  [Symbol.toPrimitive](): string {
    return MASK
  }
  [inspect.custom](): string {
    return MASK
  }
}
