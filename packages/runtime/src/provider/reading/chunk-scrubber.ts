import { ProviderError } from '../errors.ts'
import type { JsonObject } from './json.ts'
import { isObject, isRawJson, parseExact } from './json.ts'
import type { KeyScrubber } from './key-scrubber.ts'

/** `json` is undefined where the key was taken out. */
type Scrubbed = { value: JsonObject; json: string | undefined }

/** Takes the key out of chunks, also one that is cut over several. */
export class ChunkScrubber {
  readonly #key: KeyScrubber
  /** The end of each text that grows from chunk to chunk, by its place in them. */
  readonly #ends = new Map<string, string>()

  constructor(key: KeyScrubber) {
    this.#key = key
  }

  /** `json`: the value as it came; undefined when it is known in no text. */
  scrub(value: JsonObject, json: string | undefined): Scrubbed {
    if (this.#key.reach === 0) return { value, json }
    const across = this.#growing(value)
    if (!across && !holdsKey(this.#key, value, json)) return { value, json }
    return { value: withoutKey(this.#key, value), json: undefined }
  }

  /** Follows the texts that grow, and takes out what is found across two of their pieces. True where something was. */
  #growing({ choices }: JsonObject): boolean {
    let found = false
    for (const [place, choice] of Array.isArray(choices) ? choices.entries() : [])
      if (isObject(choice) && isObject(choice['delta']))
        found = this.#walk(choice['delta'], nameOf(choice) ?? `${place}`) || found
    return found
  }

  #walk(node: JsonObject | unknown[], path: string): boolean {
    let found = false
    for (const [name, value] of Object.entries(node)) {
      if (typeof value === 'string') found = this.#grow(node as JsonObject, name, `${path}.${name}`) || found
      else if (typeof value === 'object' && value !== null && !isRawJson(value)) {
        const at = (isObject(value) ? nameOf(value) : undefined) ?? (Array.isArray(node) ? '' : name)
        found = this.#walk(value as JsonObject, `${path}.${at}`) || found
      }
    }
    return found
  }

  #grow(node: JsonObject, name: string, path: string): boolean {
    const text = node[name] as string
    const before = this.#ends.get(path) ?? ''
    if (this.#ends.size < MOST_PLACES || before)
      this.#ends.set(path, (before + text.slice(-this.#key.reach)).slice(-this.#key.reach))
    if (!before || !text) return false
    const near = text.slice(0, this.#key.reach)
    const clean = this.#key.scrubAfter(before, near)
    if (clean === near) return false
    node[name] = clean + text.slice(near.length)
    return true
  }
}

const MOST_PLACES = 1_000

/** The parts of one thing have the same index, whatever their place in a list. */
const nameOf = ({ index }: JsonObject) => (typeof index === 'number' ? `${index}` : undefined)

/** Whether the key stands in a value, however its text spells it. */
export function holdsKey(key: KeyScrubber, value: unknown, json: string | undefined): boolean {
  if (json === undefined) return key.finds(JSON.stringify(value))
  return key.finds(json) || (ESCAPES.test(json) && key.finds(JSON.stringify(value)))
}
const ESCAPES = /\\(?:u00|\/)/

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
