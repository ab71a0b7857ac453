import { randomUUID } from 'node:crypto'
import { rotateKey } from '@stewrd/server/llm/rotation.ts'
import type { Bed } from './bed.ts'
import { startNode, startScript } from './processes.ts'
import { makeProject } from './project.ts'
import type { Result } from './result.ts'
import { median, quantile, spread } from './stats.ts'

type Seen = { at: number; key: string }

/** From the acknowledgement of a rotation on one node until a run on another node reaches the upstream with the new key. */
export async function rotation(bed: Bed, rounds: number): Promise<Result[]> {
  await using started = new AsyncDisposableStack()
  const upstream = await startScript('upstream-process.ts')
  started.defer(() => upstream.stop())
  const { platform, projectId, apiKey } = await makeProject(bed, upstream.url)
  started.defer(() => platform.close())
  const node = await startNode(bed, new URL(upstream.url).host)
  started.defer(() => node.stop())
  const run = async () => {
    const answer = await fetch(`${node.url}/v1/agent`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ message: 'Say hello', stream: false }),
    })
    if (!answer.ok) throw new Error(`/v1/agent answered ${answer.status}`)
    await answer.text()
  }
  const calls = async () => (await (await fetch(`${upstream.url}/seen`)).json()) as Seen[]
  const ordinary: number[] = []
  const after: number[] = []
  let stale = 0
  for (let round = 0; round < rounds; round++) {
    // The other node knows the old key well.
    await run()
    await calls()
    let began = Date.now()
    await run()
    ordinary.push(...(await calls()).map(({ at }) => at - began))
    const key = `sk-bench-${randomUUID()}`
    await rotateKey(platform, { projectId, key }, 'system:bench')
    await calls()
    began = Date.now()
    await run()
    for (const call of await calls()) {
      if (call.key !== key) stale++
      after.push(call.at - began)
    }
  }
  const note = `max ${quantile(after, 1)} ms; ${stale} of ${after.length} runs after the acknowledgement used the old key`
  const [measured, baseline] = [median(after), median(ordinary)]
  const name = 'rotation, until a second node calls with the new key'
  return [{ name, measured, baseline, unit: 'ms', ratio: null, spread: spread(after), note }]
}
