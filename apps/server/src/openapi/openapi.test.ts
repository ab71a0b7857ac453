import { Validator } from '@seriousme/openapi-schema-validator'
import { contractErrors } from '@stewrd/core/runs/wire.ts'
import Fastify from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runsPlugin } from '../runs/plugin.ts'
import { createLogger } from '../kernel/log.ts'
import type { TestPlatform } from '../testing/platform.ts'
import { testPlatform } from '../testing/platform.ts'
import { operations } from './operations.ts'

let tested: TestPlatform
const routes = new Set<string>()
const app = Fastify()
beforeAll(async () => {
  tested = await testPlatform()
  app.addHook('onRoute', ({ method, url }) => {
    for (const name of [method].flat())
      if (url.startsWith('/v1/') && !url.endsWith('*') && name !== 'HEAD') routes.add(`${name.toLowerCase()} ${url}`)
  })
  const log = createLogger({ production: true, logLevel: 'silent' })
  await app.register(runsPlugin, { platform: tested.platform, log })
  await app.ready()
})
afterAll(async () => {
  await app.close()
  await tested.close()
})

type Document = { paths: Record<string, Record<string, { responses: object; requestBody?: object }>> }
const document = async () => (await app.inject('/v1/openapi.json')).json<Document>()

test('the description is valid OpenAPI 3.1, and needs no key', async () => {
  const response = await app.inject('/v1/openapi.json')
  expect(response.statusCode).toBe(200)
  expect(await new Validator().validate(response.json<Record<string, unknown>>())).toMatchObject({ valid: true })
})

test('it has every route that there is, and no other', () => {
  const told = operations.map(({ method, path }) => `${method} ${path.replaceAll('{id}', ':id')}`)
  expect(told.toSorted()).toEqual([...routes].toSorted())
})

test('requests are described by what parses them, and refusals by codes of the contract', async () => {
  const { paths } = await document()
  const agent = paths['/v1/agent']!['post']!
  const text = JSON.stringify(agent.requestBody)
  for (const said of ['"message"', '"maxItems":20', '[A-Za-z0-9_]{1,64}', '"research"']) expect(text).toContain(said)
  expect(Object.keys(agent.responses)).toEqual(
    expect.arrayContaining(['200', '400', '401', '402', '424', '429', '503']),
  )
  const codes = new Set(operations.flatMap(({ errors }) => errors))
  const never = Object.keys(contractErrors).filter((code) => !codes.has(code as never))
  expect(never).toEqual([])
})
