import { z } from 'zod'

/** A schema that parses (`input`) or is answered (`output`) as JSON Schema. */
export function jsonSchema(schema: z.ZodType, io: 'input' | 'output') {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' })
  return rest
}
