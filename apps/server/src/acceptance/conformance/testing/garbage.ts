import fc from 'fast-check'

/** As much of JSON Schema as the API's description uses. */
export type Schema = {
  type?: string
  enum?: unknown[]
  const?: unknown
  anyOf?: Schema[]
  oneOf?: Schema[]
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: Schema | boolean
  items?: Schema
  minItems?: number
  maxItems?: number
  minLength?: number
  maxLength?: number
  pattern?: string
  format?: string
}

/** What the model calls its calls: else no outputs would ever be right. */
export const CALL_ID = 'c1'

/** Texts that break programs. */
const nasty = fc.constantFrom(
  '',
  ' ',
  '\u0000',
  '\ud800',
  '../../etc/passwd',
  "'; drop table events; --",
  '{{7*7}}',
  '<script>alert(1)</script>',
  '\r\nx-injected: 1',
  '__proto__',
  'constructor',
  'true',
  '0',
  'NaN',
  '🏳️‍🌈',
  'a'.repeat(5_000),
)
const text = fc.oneof(fc.string({ maxLength: 40, unit: 'binary' }), fc.string({ maxLength: 10 }), nasty)
const number = fc.oneof(fc.integer(), fc.double(), fc.constantFrom(0, -1, 1e308, Number.MAX_SAFE_INTEGER + 2))
/** Any JSON at all. */
export const anything: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  node: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.constant(null),
    fc.boolean(),
    number,
    text,
    fc.array(tie('node'), { maxLength: 4 }),
    fc.dictionary(text, tie('node'), { maxKeys: 4 }),
  ),
})).node

/** Values that a schema lets through, mostly. */
export function valid(schema: Schema): fc.Arbitrary<unknown> {
  const { type, anyOf, oneOf } = schema
  if ('const' in schema) return fc.constant(schema.const)
  if (schema.enum) return fc.constantFrom(...schema.enum)
  if (type === undefined && (anyOf ?? oneOf)) return fc.oneof(...(anyOf ?? oneOf)!.map(valid))
  switch (type) {
    case 'object':
      return validObject(schema)
    case 'array': {
      const { items = {}, minItems = 0, maxItems = 3 } = schema
      const one = valid(items)
      const any = fc.array(one, { minLength: minItems, maxLength: Math.max(minItems, Math.min(maxItems, 3)) })
      // The shortest one is often the only right one: a run that waits for one output takes no two.
      return fc.oneof(any, fc.array(one, { minLength: minItems, maxLength: minItems }))
    }
    case 'string':
      return validText(schema)
    case 'integer':
      return fc.integer({ min: 0, max: 1000 })
    case 'number':
      return fc.double({ noNaN: true })
    case 'boolean':
      return fc.boolean()
    default:
      return anything
  }
}

function validObject({ properties = {}, required = [], additionalProperties, oneOf }: Schema): fc.Arbitrary<unknown> {
  const named = Object.fromEntries(Object.entries(properties).map(([name, inner]) => [name, valid(inner)]))
  if (oneOf?.every((one) => one.required)) return fc.oneof(...oneOf.map((one) => fc.record(only(named, one.required!))))
  const own = fc.record(named, { requiredKeys: required })
  const rest = typeof additionalProperties === 'object' ? valid(additionalProperties) : anything
  const more = fc.oneof(
    { weight: 4, arbitrary: fc.constant({}) },
    { weight: 1, arbitrary: fc.dictionary(text, rest, { maxKeys: 2 }) },
  )
  // JSON Schemas of tools say what they are of.
  const typed = Object.keys(named).length === 0 ? fc.constant({ type: 'object' }) : fc.constant({})
  return fc.tuple(more, own, typed).map((parts) => Object.assign({}, ...parts) as unknown)
}

const only = <T>(all: Record<string, T>, names: readonly string[]) =>
  Object.fromEntries(Object.entries(all).filter(([name]) => names.includes(name)))

function validText({ pattern, format, minLength = 0, maxLength = 60 }: Schema): fc.Arbitrary<string> {
  if (format === 'uuid') return fc.uuid()
  if (format === 'base64') return fc.base64String({ maxLength: 40 })
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern))
  const free = fc.string({ minLength, maxLength: Math.max(minLength, Math.min(maxLength, 60)) })
  return fc.oneof(free, fc.constant(CALL_ID))
}

/** The same value with one place of it replaced by something else, or gone. */
export function damaged(value: unknown, by: unknown, at: number): unknown {
  if (typeof value !== 'object' || value === null) return by
  const keys = Object.keys(value)
  const key = keys[at % Math.max(1, keys.length)]
  if (key === undefined || at % 7 === 0) return by
  const inner = (value as Record<string, unknown>)[key]
  const next = at % 5 === 0 ? undefined : damaged(inner, by, Math.floor(at / 3))
  if (Array.isArray(value)) return value.map((one: unknown, i) => (String(i) === key ? next : one))
  return { ...value, [key]: next }
}
