import { z } from 'zod'

/** A variable that may be missing. An empty one counts as missing. */
export const optional = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema.optional())
