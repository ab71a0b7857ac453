/** What is read of a JSON Schema. */
export type JsonSchema = {
  type?: string
  const?: unknown
  enum?: unknown[]
  format?: string
  pattern?: string
  description?: string
  properties?: Record<string, JsonSchema>
  required?: string[]
  items?: JsonSchema
  additionalProperties?: JsonSchema | boolean
  anyOf?: JsonSchema[]
  oneOf?: JsonSchema[]
  minLength?: number
  maxLength?: number
  minItems?: number
  maxItems?: number
  minimum?: number
  maximum?: number
}

/** A field of a body. `name` is a path, as `files[].name`. */
export type SchemaRow = { name: string; type: string; required: boolean; rules: string[] }

/** Every field of an object, those of objects inside it after it. */
export function schemaRows(schema: JsonSchema, prefix = ''): SchemaRow[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, field]) => {
    const name = `${prefix}${key}`
    const inner = field.type === 'array' ? schemaRows(field.items ?? {}, `${name}[].`) : schemaRows(field, `${name}.`)
    const required = schema.required?.includes(key) ?? false
    return [{ name, type: typeOf(field), required, rules: rulesOf(field) }, ...inner]
  })
}

function typeOf(schema: JsonSchema): string {
  const options = schema.anyOf ?? schema.oneOf
  if (!schema.type && options) return [...new Set(options.map(typeOf))].join(' or ')
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.type === 'array') return `list of ${typeOf(schema.items ?? {})}`
  if (schema.enum) return 'string'
  if (schema.format === 'uuid') return 'UUID'
  if (schema.format === 'date-time') return 'time'
  return schema.type ?? 'any'
}

// Those that every whole number has say nothing.
const isLimit = (n: number | undefined): n is number => n !== undefined && Math.abs(n) < Number.MAX_SAFE_INTEGER

function rulesOf({
  enum: values,
  items,
  maxLength,
  minLength,
  maxItems,
  minItems,
  minimum,
  maximum,
  oneOf,
}: JsonSchema) {
  const listed = values ?? items?.enum
  return [
    ...(listed ? [listed.map((value) => `\`${String(value)}\``).join(' ')] : []),
    ...(oneOf ?? items?.oneOf ?? []).map(
      ({ required = [] }, i) => `${i ? 'or' : 'either'} ${required.map((r) => `\`${r}\``).join(' and ')}`,
    ),
    ...(minLength === 1 ? ['not empty'] : []),
    ...(isLimit(maxLength) ? [`at most ${maxLength} characters`] : []),
    ...(minItems === 1 ? ['at least one'] : []),
    ...(isLimit(maxItems) ? [`at most ${maxItems}`] : []),
    ...(isLimit(minimum) && minimum !== 0 ? [`from ${minimum}`] : []),
    ...(isLimit(maximum) ? [`to ${maximum}`] : []),
  ]
}
