import { isObject, parseExact, parseJson } from '../reading/json.ts'

/** Arguments that are JSON inside a JSON text, without the layer around them. */
export function unwrapped(text: string): string {
  const inner = /^\s*"/.test(text) ? parseJson(text) : undefined
  return typeof inner === 'string' && isObject(parseJson(inner)) ? inner : text
}

/** A model's arguments as an object; none at all is an empty one. Undefined for anything else that it wrote. */
export function argumentsObject(text: string): Record<string, unknown> | undefined {
  const value = parseJson(unwrapped(text).trim() || '{}')
  return isObject(value) ? value : undefined
}

/** The same, and `JSON.stringify` writes every number as the model wrote it. */
export function exactArguments(text: string): Record<string, unknown> | undefined {
  const value = parseExact(unwrapped(text).trim() || '{}')
  return isObject(value) ? value : undefined
}
