import { expect } from 'vitest'
import { z } from 'zod'
import type { Platform } from '../platform.ts'

/** What no database and no page can hold: a NUL, and halves of a surrogate pair. */
export const unstorable = ['a\u0000b', 'a\ud83d', '\udc00a']

type Shape = {
  type?: string
  properties?: Record<string, Shape>
  items?: Shape
  additionalProperties?: Shape | boolean
  anyOf?: Shape[]
  oneOf?: Shape[]
  allOf?: Shape[]
}
type Place = (string | number)[]

/** Every place of an input that takes text, found in its schema. */
export function textPlaces(schema: z.ZodType): Place[] {
  const walk = (shape: Shape, at: Place): Place[] => {
    const choices = [...(shape.anyOf ?? []), ...(shape.oneOf ?? []), ...(shape.allOf ?? [])]
    return [
      ...(shape.type === 'string' ? [at] : []),
      ...Object.entries(shape.properties ?? {}).flatMap(([key, inner]) => walk(inner, [...at, key])),
      ...(shape.items ? walk(shape.items, [...at, 0]) : []),
      ...(typeof shape.additionalProperties === 'object' ? [[...at, 'any']] : []),
      ...choices.flatMap((inner) => walk(inner, at)),
    ]
  }
  return walk(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Shape, [])
}

/** The same value with another text in this place. */
export function withText(value: unknown, [key, ...rest]: Place, text: string): unknown {
  if (key === undefined) return text
  if (typeof key === 'number') return [withText((value as unknown[] | undefined)?.[0], rest, text)]
  const object = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  return { ...object, [key]: withText(object[key], rest, text) }
}

/** Every view is at the end of the log, without a row that was set aside. */
export async function expectViewsWhole({ sequencer, projector, views }: Platform): Promise<void> {
  await sequencer.drain()
  await projector.drain()
  expect((await views.status()).filter(({ status, lag }) => status !== 'live' || lag > 0)).toEqual([])
  expect(await views.setAside()).toEqual(new Map())
}
