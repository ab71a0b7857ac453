import { contractErrors } from '@stewrd/core/runs/wire.ts'
import Fastify from 'fastify'
import { expect, test } from 'vitest'
import { operations } from '../openapi/operations.ts'
import { docsPlugin } from './plugin.ts'
import { schemaRows } from './schema-rows.ts'

test('the docs URL of every error leads to a section of its own', async () => {
  const app = Fastify()
  await app.register(docsPlugin)
  const answer = await app.inject('/docs/errors')
  expect(answer.headers['content-type']).toContain('text/html')
  const sections = [...answer.body.matchAll(/<section id="(\w+)">\n<h2><code>\1<\/code> <span class="muted">(\d+)/g)]
  expect(Object.fromEntries(sections.map(([, code, status]) => [code, Number(status)]))).toEqual(contractErrors)
  await app.close()
})

test('the reference has every route with its fields and errors, under the address of the server, and needs nothing else', async () => {
  const app = Fastify()
  await app.register(docsPlugin, { publicUrl: 'https://agents.example.com' })
  const { body } = await app.inject('/docs')
  await app.close()
  for (const { method, path, summary } of operations) {
    expect(body).toContain(`<span class="${method}">${method.toUpperCase()}</span> ${path}</p>`)
    expect(body).toContain(summary.replaceAll('"', '&quot;'))
  }
  for (const field of ['message', 'files[].content_base64', 'tools[].parameters', 'tool_outputs[].tool_call_id'])
    expect(body).toContain(`<code>${field}</code>`)
  const links = [...body.matchAll(/(?:href|src)="([^"]*)"/g)].map(([, to]) => to!)
  for (const to of links) expect(to).toMatch(/^(#[\w-]+|\/docs\/errors(#\w+)?|\/v1\/openapi\.json)$/)
  for (const to of links.filter((link) => link.startsWith('#'))) expect(body).toContain(`id="${to.slice(1)}"`)
  expect(body).toContain('curl https://agents.example.com/v1/agent')
})

test('a field tells its type, whether it is needed, and its limits', () => {
  const schema = {
    required: ['a'],
    properties: {
      a: { type: 'string', minLength: 1, maxLength: 5 },
      b: { type: 'array', maxItems: 2, items: { required: ['c'], properties: { c: { enum: ['x', 'y'] } } } },
    },
  }
  expect(schemaRows(schema)).toEqual([
    { name: 'a', type: 'string', required: true, rules: ['not empty', 'at most 5 characters'] },
    { name: 'b', type: 'list of any', required: false, rules: ['at most 2'] },
    { name: 'b[].c', type: 'string', required: true, rules: ['`x` `y`'] },
  ])
})
