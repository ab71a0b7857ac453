import type { Bed } from './bed.ts'
import { load } from './load.ts'
import { startGateway, startNode, startRecordingProxy, startScript } from './processes.ts'
import { makeProject } from './project.ts'
import type { Result } from './result.ts'
import { quantile, spread } from './stats.ts'

const ROUNDS = 5

/** What a run over `/v1/agent` takes longer than the same call sent straight to the upstream, beside what a stateless gateway takes longer. */
export async function agent(bed: Bed, calls: number): Promise<Result[]> {
  await using started = new AsyncDisposableStack()
  const upstream = await startScript('upstream-process.ts')
  started.defer(() => upstream.stop())
  const proxy = await startScript('proxy-process.ts', { TARGET: upstream.url })
  started.defer(() => proxy.stop())
  const recording = await startRecordingProxy(bed, { TARGET: upstream.url, END: 'first' })
  started.defer(() => recording.stop())
  const gateway = await startGateway()
  started.defer(() => gateway.stop())
  const { platform, apiKey } = await makeProject(bed, upstream.url)
  // The server follows its own log: nobody else takes part of its work, and none of the load's time.
  await platform.close()
  const node = await startNode(bed, new URL(upstream.url).host)
  started.defer(() => node.stop())
  const chat = { model: 'bench', messages: [{ role: 'user', content: 'Say hello' }] }
  const ways = {
    direct: { url: `${upstream.url}/v1/chat/completions`, key: 'sk-bench-first-key', body: chat },
    proxy: { url: `${proxy.url}/v1/chat/completions`, key: 'sk-bench-first-key', body: chat },
    recording: { url: `${recording.url}/v1/chat/completions`, key: 'sk-bench-first-key', body: chat },
    gateway: {
      url: `${gateway.url}/v1/chat/completions`,
      key: 'sk-bench-first-key',
      body: chat,
      headers: { 'x-portkey-provider': 'openai', 'x-portkey-custom-host': `${upstream.url}/v1` },
    },
    agent: { url: `${node.url}/v1/agent`, key: apiKey, body: { message: 'Say hello', stream: false } },
  }
  const results: Result[] = []
  for (const connections of [1, 50]) {
    const times = { direct: [], proxy: [], recording: [], gateway: [], agent: [] } as Record<
      keyof typeof ways,
      number[]
    >
    const medians: number[] = []
    for (let round = 0; round <= ROUNDS; round++)
      for (const name of ['direct', 'proxy', 'recording', 'gateway', 'agent'] as const) {
        const taken = await load(ways[name], connections, Math.ceil(calls / ROUNDS))
        // The first round warms all of them up.
        if (round === 0) continue
        times[name].push(...taken)
        if (name === 'agent') medians.push(quantile(taken, 0.5))
      }
    for (const share of [0.5, 0.99]) {
      const of = (name: keyof typeof ways) => quantile(times[name], share)
      const added = of('agent') - of('direct')
      const gated = of('gateway') - of('direct')
      results.push({
        name: `/v1/agent, added p${share * 100}, ${connections} connection${connections === 1 ? '' : 's'}`,
        measured: added,
        baseline: gated,
        unit: 'ms',
        ratio: added / gated,
        spread: share === 0.5 ? spread(medians) : null,
        note: `direct ${of('direct').toFixed(2)} ms, bare proxy ${of('proxy').toFixed(2)} ms, gateway ${of('gateway').toFixed(2)} ms, agent ${of('agent').toFixed(2)} ms`,
      })
      const least = of('recording') - of('direct')
      const name = `… by a bare proxy with two plain INSERTs, p${share * 100}`
      results.push({ name, measured: least, baseline: gated, unit: 'ms', ratio: least / gated, spread: null })
    }
  }
  return results
}
