import { ProviderError } from '../errors.ts'
import type { JsonObject } from './json.ts'
import { isObject, isRawJson, parseExact } from './json.ts'
import type { KeyScrubber } from './key-scrubber.ts'

/** `json` is undefined where the key was taken out. */
type Scrubbed = { value: JsonObject; json: string | undefined }

/** Takes the key out of chunks, also one that is cut over several. What stands in every chunk of a stream is looked at once. */
export class ChunkScrubber {
  readonly #key: KeyScrubber
  /** The end of each text that grows from chunk to chunk, by its place in them. */
  readonly #ends = new Map<string, string>()
  /** Texts at the top of the last chunk: they are clean. */
  readonly #clean = new Map<string, string>()

  constructor(key: KeyScrubber) {
    this.#key = key
  }

  /** `json`: the value as it came; undefined when it is known in no text. */
  scrub(value: JsonObject, json: string | undefined): Scrubbed {
    if (this.#key.reach === 0 || !this.#finds(value)) return { value, json }
    return { value: withoutKey(this.#key, value), json: undefined }
  }

  #finds(chunk: JsonObject): boolean {
    let found = false
    for (const name in chunk) {
      const value = chunk[name]
      if (name === 'choices' && Array.isArray(value)) found = this.#findsInChoices(value) || found
      else if (typeof value !== 'string' || this.#clean.get(name) !== value) {
        const held = this.#key.finds(name) || holds(this.#key, value)
        found = held || found
        if (!held && typeof value === 'string' && this.#clean.size < MOST_PLACES) this.#clean.set(name, value)
      }
    }
    return found
  }

  #findsInChoices(choices: readonly unknown[]): boolean {
    let found = false
    for (const [place, choice] of choices.entries()) {
      if (!isObject(choice)) continue
      for (const name in choice) {
        const value = choice[name]
        const grows = name === 'delta' && isObject(value)
        const held = grows
          ? this.#walk(value, nameOf(choice) ?? `${place}`)
          : this.#key.finds(name) || holds(this.#key, value)
        found = held || found
      }
    }
    return found
  }

  /** Follows the texts that grow, and takes out what is found across two of their pieces. */
  #walk(node: JsonObject | unknown[], path: string): boolean {
    let found = Array.isArray(node) && isList(node) && holds(this.#key, node)
    for (const name of Object.keys(node)) {
      const value = (node as JsonObject)[name]
      if (typeof value === 'string') found = this.#grow(node as JsonObject, name, `${path}.${name}`) || found
      else if (typeof value === 'object' && value !== null && !isRawJson(value)) {
        const at = (isObject(value) ? nameOf(value) : undefined) ?? (Array.isArray(node) ? '' : name)
        found = this.#walk(value as JsonObject, `${path}.${at}`) || found
      }
      if (name.length >= MIN_NAME && this.#key.finds(name)) found = true
    }
    return found
  }

  #grow(node: JsonObject, name: string, path: string): boolean {
    const text = node[name] as string
    const before = this.#ends.get(path) ?? ''
    if (this.#ends.size < MOST_PLACES || before)
      this.#ends.set(path, (before + text.slice(-this.#key.reach)).slice(-this.#key.reach))
    if (!before || !text) return this.#key.finds(text)
    const near = text.slice(0, this.#key.reach)
    if (!this.#key.finds(before + near)) return this.#key.finds(text)
    // What both make together is taken out of this one here; what it holds itself, with all else of the chunk, later.
    node[name] = this.#key.scrubAfter(before, near) + text.slice(near.length)
    return true
  }
}

const MOST_PLACES = 1_000

/** The parts of one thing have the same index, whatever their place in a list. */
const nameOf = ({ index }: JsonObject) => (typeof index === 'number' ? `${index}` : undefined)

/** Shorter names tell nothing. */
const MIN_NAME = 8

/** Values that are one thing together: the characters of a text, or their codes. */
const isList = (values: readonly unknown[]) => values.length > 1 && values.every((item) => typeof item !== 'object')

/** Whether the key stands in a value. */
export function holds(key: KeyScrubber, value: unknown): boolean {
  if (typeof value === 'string') return key.finds(value)
  if (typeof value !== 'object' || value === null || isRawJson(value)) return false
  if (Array.isArray(value))
    return isList(value) ? key.finds(JSON.stringify(value)) : value.some((item) => holds(key, item))
  return Object.entries(value).some(([name, item]) => key.finds(name) || holds(key, item))
}

/** A value without the key. */
export function withoutKey<T>(key: KeyScrubber, value: T): T {
  const clean = walked(key, value)
  const json = JSON.stringify(clean)
  if (!key.finds(json)) return clean as T
  // It is spread over several values.
  const again = parseExact(key.scrub(json))
  if (again === undefined)
    throw new ProviderError('compute_error', "The provider's answer held its key, so it was not passed on.")
  return again as T
}

function walked(key: KeyScrubber, value: unknown): unknown {
  if (typeof value === 'string') return key.scrub(value)
  if (Array.isArray(value)) return value.map((item) => walked(key, item))
  if (!isObject(value) || isRawJson(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [key.scrub(name), walked(key, item)]))
}
