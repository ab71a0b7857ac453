import { afterAll, beforeAll, expect } from 'vitest'
import type { Bed } from './testing/bed.ts'
import { openBed } from './testing/bed.ts'
import { conforms, conformsOnBoth } from './testing/conform.ts'
import { GREETING, ownDouble } from './testing/models.ts'

const deploymentKey = 'sk-of-the-deployment-0123456789'
let bed: Bed
let deployment: Awaited<ReturnType<typeof ownDouble>>
beforeAll(async () => {
  deployment = await ownDouble(deploymentKey)
  bed = await openBed({
    allow: deployment.host,
    variables: {
      STEWRD_DEFAULT_BASE_URL: deployment.baseUrl,
      STEWRD_DEFAULT_API_KEY: deploymentKey,
      STEWRD_DEFAULT_MODEL: 'o1',
    },
  })
}, 60_000)
afterAll(async () => {
  await bed?.close()
  await deployment?.close()
})
const theBed = () => bed

type Body = { message: string; meta: Record<string, unknown> }
const answers: string[] = []
async function run(body: object, where: { apiKey: string }) {
  const response = await bed.call('POST', '/v1/agent', { message: 'Hi', stream: false, ...body }, where)
  const text = await response.text()
  answers.push(text, JSON.stringify([...response.headers]))
  return { status: response.status, body: JSON.parse(text) as Body }
}

conformsOnBoth('byok: any OpenAI-compatible base URL, and free text as model', theBed, async (side) => {
  expect(await run({}, side)).toMatchObject({ status: 200, body: { message: GREETING, meta: { model: 'gpt-4o' } } })
  const { projectId } = side
  const model = 'vendor/a model:free@2'
  await bed.client.llm.changeModel.mutate({ projectId, model })
  const { body, status } = await run({}, side)
  // Whether it exists is for the provider to say, by its name as it was written.
  expect(side.model.asked()?.model ?? model).toBe(side.model.name === 'aimock' ? model : 'gpt-4o')
  expect([status, body.meta?.['model'] ?? 'model_not_found']).toEqual(
    side.model.name === 'aimock' ? [200, model] : [424, 'model_not_found'],
  )
  await bed.client.llm.changeModel.mutate({ projectId, model: 'gpt-4o' })
})

conforms('byok: without a key the default model answers', async () => {
  const project = await bed.newProject(null)
  const meta = { key_source: 'default', model: 'o1' }
  expect(await run({}, project)).toMatchObject({ status: 200, body: { message: GREETING, meta } })
  expect(deployment.upstream.seen.at(-1)).toMatchObject({ key: deploymentKey, model: 'o1' })
  const current = await bed.client.llm.current.query({ projectId: project.projectId })
  expect(JSON.stringify(current)).not.toContain(deploymentKey)
})

conformsOnBoth('byok: the key is in no answer and in no log', theBed, async (side) => {
  for (const fault of [undefined, 'unauthorized', 'payment', 'not-found'] as const) {
    side.model.fail(fault)
    await run({}, side)
  }
  expect(answers.length).toBeGreaterThan(8)
  const everything = [...answers, bed.server.output()].join('\n')
  for (const key of [bed.key, deploymentKey, side.apiKey])
    for (const spelling of [key, key.slice(8), Buffer.from(key).toString('base64').slice(4, 24)])
      expect(everything.includes(spelling)).toBe(false)
})
