import type { JsonObject } from '../reading/json.ts'
import { isObject, isRawJson } from '../reading/json.ts'

/** Adds what a chunk brings to what came before: texts grow, lists get longer, the parts of one thing become one. */
export function mergeDelta(into: JsonObject, delta: JsonObject): void {
  for (const [name, value] of Object.entries(delta)) {
    if (value === null || value === undefined || name === '__proto__') continue
    const before = into[name]
    if (typeof before === 'string' && typeof value === 'string')
      into[name] = CONSTANT.has(name) ? value : before + value
    else if (Array.isArray(before) && Array.isArray(value)) for (const item of value) addItem(before, item)
    else if (isObject(before) && isObject(value) && !isRawJson(value)) mergeDelta(before, value)
    else into[name] = structured(value)
  }
}

/** Fields that name a thing: they come again, and do not grow. */
const CONSTANT = new Set(['type', 'id', 'format', 'role', 'index'])

/** The parts of one item follow one another under its type and index. */
function addItem(items: unknown[], item: unknown): void {
  const last = items.at(-1)
  const isPart =
    isObject(last) &&
    isObject(item) &&
    item['index'] !== undefined &&
    last['index'] === item['index'] &&
    last['type'] === item['type']
  if (isPart) mergeDelta(last, item)
  else items.push(structured(item))
}

/** A copy, as it grows later. */
const structured = (value: unknown): unknown => {
  if (Array.isArray(value)) {
    const items: unknown[] = []
    for (const item of value) addItem(items, item)
    return items
  }
  if (!isObject(value) || isRawJson(value)) return value
  const copy: JsonObject = {}
  mergeDelta(copy, value)
  return copy
}
