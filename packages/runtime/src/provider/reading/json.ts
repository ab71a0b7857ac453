// ES2026, in every Node that this program runs on; the library files of the compiler do not have them yet.
const { rawJSON } = JSON as unknown as { rawJSON(text: string): object }
type Reviver = (this: unknown, key: string, value: unknown, context?: { source?: string }) => unknown
const parseWith = JSON.parse as (text: string, reviver: Reviver) => unknown

export type JsonObject = Record<string, unknown>

/** A number that is not written again as it was read: `1.0`, `1e5`, more digits than a double holds. False alarms only cost time. */
const UNUSUAL = /\d{16}|\d[eE][+-]?\d|\.\d*0(?!\d)|-0(?![.\d])/
/** Characters of a text in which numbers are kept exact. What is larger is an image, not a number. */
const MOST_EXACT = 1_000_000

/** The value of a JSON text; undefined for anything else. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The same, and every number is written again by `JSON.stringify` as it was read. Those that a double does not hold are objects. */
export function parseExact(text: string): unknown {
  try {
    return text.length <= MOST_EXACT && UNUSUAL.test(text) ? parseWith(text, keepSource) : JSON.parse(text)
  } catch {
    return undefined
  }
}

const keepSource: Reviver = (_key, value, context) =>
  typeof value === 'number' && context?.source !== undefined && context.source !== String(value)
    ? rawJSON(context.source)
    : value

/** The numbers of a value that was read without care for them, as its text has them. */
export function withExactNumbers<T>(value: T, json: string | undefined): T {
  if (json === undefined || json.length > MOST_EXACT || !UNUSUAL.test(json)) return value
  return restored(value, parseExact(json)) as T
}

function restored(value: unknown, exact: unknown): unknown {
  if (typeof value === 'number') return typeof exact === 'object' && numberIn(exact) === value ? exact : value
  if (Array.isArray(value)) return Array.isArray(exact) ? value.map((item, i) => restored(item, exact[i])) : value
  if (!isObject(value) || !isObject(exact) || isRawJson(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, restored(item, exact[name])]))
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const isRawJson = (value: object): boolean =>
  (JSON as unknown as { isRawJSON(v: unknown): boolean }).isRawJSON(value)

/** A number as it was read, exact or not; undefined for anything else. */
export function numberIn(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  return typeof value === 'object' && value !== null && isRawJson(value) ? Number(JSON.stringify(value)) : undefined
}

export const textIn = (value: unknown): string => (typeof value === 'string' ? value : '')
