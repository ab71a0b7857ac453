import { Agent, request } from 'undici'
import type { Bed } from './bed.ts'
import { startNode, startScript } from './processes.ts'
import { makeProject } from './project.ts'
import type { Result } from './result.ts'
import { quantile, spread } from './stats.ts'

const ROUNDS = 5

/** What a run over `/v1/agent` takes longer than the same call sent straight to the upstream, and than through a bare proxy. */
export async function agent(bed: Bed, calls: number): Promise<Result[]> {
  await using started = new AsyncDisposableStack()
  const upstream = await startScript('upstream-process.ts')
  started.defer(() => upstream.stop())
  const proxy = await startScript('proxy-process.ts', { TARGET: upstream.url })
  started.defer(() => proxy.stop())
  const { platform, apiKey } = await makeProject(bed, upstream.url)
  started.defer(() => platform.close())
  const node = await startNode(bed, new URL(upstream.url).host)
  started.defer(() => node.stop())
  const chat = { model: 'bench', messages: [{ role: 'user', content: 'Say hello' }] }
  const ways = {
    direct: { url: `${upstream.url}/v1/chat/completions`, key: 'sk-bench-first-key', body: chat },
    proxy: { url: `${proxy.url}/v1/chat/completions`, key: 'sk-bench-first-key', body: chat },
    agent: { url: `${node.url}/v1/agent`, key: apiKey, body: { message: 'Say hello', stream: false } },
  }
  const results: Result[] = []
  for (const connections of [1, 50]) {
    const times = { direct: [] as number[], proxy: [] as number[], agent: [] as number[] }
    const medians: number[] = []
    for (let round = 0; round <= ROUNDS; round++)
      for (const name of ['direct', 'proxy', 'agent'] as const) {
        const taken = await load(ways[name], connections, Math.ceil(calls / ROUNDS))
        // The first round warms all of them up.
        if (round === 0) continue
        times[name].push(...taken)
        if (name === 'agent') medians.push(quantile(taken, 0.5))
      }
    for (const share of [0.5, 0.99]) {
      const of = (name: keyof typeof times) => quantile(times[name], share)
      const added = of('agent') - of('direct')
      const proxied = of('proxy') - of('direct')
      results.push({
        name: `/v1/agent, added p${share * 100}, ${connections} connection${connections === 1 ? '' : 's'}`,
        measured: added,
        baseline: proxied,
        unit: 'ms',
        ratio: added / proxied,
        spread: share === 0.5 ? spread(medians) : null,
        note: `direct ${of('direct').toFixed(2)} ms, proxy ${of('proxy').toFixed(2)} ms, agent ${of('agent').toFixed(2)} ms`,
      })
    }
  }
  return results
}

type Way = { url: string; key: string; body: unknown }

async function load({ url, key, body }: Way, connections: number, calls: number): Promise<number[]> {
  const dispatcher = new Agent({ connections })
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  const times: number[] = []
  let left = calls
  const worker = async () => {
    while (left-- > 0) {
      const began = performance.now()
      const answer = await request(url, { method: 'POST', headers, body: JSON.stringify(body), dispatcher })
      const text = await answer.body.text()
      if (answer.statusCode !== 200) throw new Error(`${url} answered ${answer.statusCode}: ${text.slice(0, 200)}`)
      times.push(performance.now() - began)
    }
  }
  await Promise.all(Array.from({ length: connections }, worker))
  await dispatcher.close()
  return times
}
