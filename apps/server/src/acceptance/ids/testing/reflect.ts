import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { FastifyInstance } from 'fastify'
import type { z } from 'zod'
import { appRouter } from '../../../app-router.ts'
import { createApp } from '../../../app.ts'
import { createLogger } from '../../../kernel/log.ts'
import { operations } from '../../../openapi/operations.ts'
import type { Platform } from '../../../platform.ts'

type Procedure = { _def: { type: 'query' | 'mutation' | 'subscription'; inputs: z.ZodType[] } }
export const procedures = appRouter._def.procedures as unknown as Record<string, Procedure>

/** What names something in an input: a UUID by its schema, or a text or number whose field is called so. */
const isCalledId = (field: string) => /(^id|Id|_id|Ids|_ids)$/.test(field.replaceAll('[]', ''))

/** Every id in the inputs of the procedures: `<procedure> <field>`, with `[]` for the members of a list. */
export const idsOfProcedures = (): string[] =>
  Object.entries(procedures).flatMap(([path, { _def }]) => {
    const fields = new Set(_def.inputs.flatMap((input) => idsIn(input, '')))
    return [...fields].map((field) => `${path} ${field}`)
  })

/** Every id in the bodies of `/v1`: `<METHOD> <path> <field>`. */
export const idsOfBodies = (): string[] =>
  operations.flatMap(({ method, path, body }) =>
    body ? idsIn(body, '').map((field) => `${method.toUpperCase()} ${path.replaceAll('{id}', ':id')} ${field}`) : [],
  )

/** Every parameter of every route of the server: `<METHOD> <path> <parameter>`. Routes that differ in their method alone each count. */
export async function parametersOfRoutes(platform: Platform): Promise<string[]> {
  const found = new Set<string>()
  const listen = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance }
    fastify.addHook('onRoute', ({ method, url }) => {
      for (const parameter of url.match(/:\w+|\*/g) ?? [])
        for (const name of [method].flat()) if (name !== 'HEAD') found.add(`${name} ${url} ${parameter}`)
    })
  }
  subscribe('fastify.initialization', listen)
  const log = createLogger({ production: true, logLevel: 'silent' })
  const app = await createApp({ platform, log })
  unsubscribe('fastify.initialization', listen)
  await app.ready()
  await app.close()
  return [...found]
}

/** Only kinds of schemas that are known: what a new kind holds must not be overlooked. */
function idsIn(schema: z.core.$ZodType, field: string): string[] {
  const { def } = (schema as z.core.$ZodTypes)._zod
  const name = field.split('.').at(-1) ?? ''
  switch (def.type) {
    case 'object':
      return Object.entries(def.shape).flatMap(([key, value]) => idsIn(value, field === '' ? key : `${field}.${key}`))
    case 'array':
      return idsIn(def.element, `${field}[]`)
    case 'optional':
    case 'nullable':
    case 'default':
      return idsIn(def.innerType, field)
    case 'union':
      return def.options.flatMap((option) => idsIn(option, field))
    case 'pipe':
      return idsIn(def.in, field)
    case 'string':
      return ('format' in def && (def.format === 'uuid' || def.format === 'guid')) || isCalledId(name) ? [field] : []
    case 'number':
      return isCalledId(name) ? [field] : []
    case 'record':
    case 'unknown':
    case 'boolean':
    case 'enum':
    case 'literal':
      return []
    default:
      throw new RangeError(`${field}: an input of this kind (${def.type}) is not known here`)
  }
}
