import { contractErrors } from '@stewrd/core/runs/wire.ts'
import Fastify from 'fastify'
import { expect, test } from 'vitest'
import { docsPlugin } from './plugin.ts'

test('the docs URL of every error leads to a section of its own', async () => {
  const app = Fastify()
  await app.register(docsPlugin)
  const answer = await app.inject('/docs/errors')
  expect(answer.headers['content-type']).toContain('text/html')
  const sections = [...answer.body.matchAll(/<section id="(\w+)">\n<h2><code>\1<\/code> <span>(\d+)/g)]
  expect(Object.fromEntries(sections.map(([, code, status]) => [code, Number(status)]))).toEqual(contractErrors)
  await app.close()
})
