import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { Agent, request } from 'undici'
import type { Bed } from './bed.ts'
import type { Way } from './load.ts'
import { load } from './load.ts'
import type { Child } from './processes.ts'
import { startNode, startRecordingProxy, startScript } from './processes.ts'
import { makeProject } from './project.ts'
import type { Result } from './result.ts'
import { quantile, spread } from './stats.ts'

const ROUNDS = 5
const MANY = 100
const STREAMS = 200

type Ways = Record<'direct' | 'proxy' | 'recording' | 'door', Way>
type Options = { calls: number; streamsSeconds: number }

/** The OpenAI-compatible door beside a bare proxy: time, throughput, processor time, and streams. */
export async function completions(bed: Bed, { calls, streamsSeconds }: Options): Promise<Result[]> {
  await using started = new AsyncDisposableStack()
  const upstream = await startScript('upstream-process.ts')
  started.defer(() => upstream.stop())
  const proxy = await startScript('proxy-process.ts', { TARGET: upstream.url })
  started.defer(() => proxy.stop())
  const recording = await startRecordingProxy(bed, { TARGET: upstream.url })
  started.defer(() => recording.stop())
  const slow = await startScript('upstream-process.ts', { PAUSE_MS: '250' })
  started.defer(() => slow.stop())
  const fast = await makeProject(bed, upstream.url)
  const slowly = await makeProject(bed, slow.url)
  // The server follows its own log: nobody else takes part of its work, and none of the load's time.
  for (const { platform } of [fast, slowly]) await platform.close()
  const node = await startNode(bed, `${new URL(upstream.url).host},${new URL(slow.url).host}`)
  started.defer(() => node.stop())
  const waysTo = (body: object): Ways => ({
    direct: { url: `${upstream.url}/v1/chat/completions`, key: 'sk-bench-first-key', body },
    proxy: { url: `${proxy.url}/v1/chat/completions`, key: 'sk-bench-first-key', body },
    recording: { url: `${recording.url}/v1/chat/completions`, key: 'sk-bench-first-key', body },
    door: { url: `${node.url}/v1/chat/completions`, key: fast.apiKey, body },
  })
  const messages = [{ role: 'user', content: 'Say hello' }]
  const whole = waysTo({ model: 'bench', messages })
  const streamed = waysTo({ model: 'bench', messages, stream: true })
  return [
    ...(await added('/v1/chat/completions, added p50, 1 connection', whole, (way) => load(way, 1, calls / ROUNDS))),
    ...(await throughput(whole, { proxy, recording, door: node }, calls * 2)),
    ...(await added('… streamed, added time to the first byte, p50', streamed, (way) =>
      firstBytes(way, calls / ROUNDS),
    )),
    ...(await manyStreams(
      { url: `${node.url}/v1/chat/completions`, key: slowly.apiKey, body: streamed.door.body },
      node,
      streamsSeconds,
    )),
  ]
}

/** What the least that can be recorded costs the same proxy: two plain INSERTs for each call, one of them before it. */
const LEAST = '… by a bare proxy with two plain INSERTs'

/** The middle of what it takes longer than straight, beside the proxy's. The ways take turns. */
async function added(name: string, ways: Ways, times: (way: Way) => Promise<number[]>): Promise<Result[]> {
  const all: Record<keyof Ways, number[]> = { direct: [], proxy: [], recording: [], door: [] }
  const medians: number[] = []
  for (let round = 0; round <= ROUNDS; round++)
    for (const way of ['direct', 'proxy', 'recording', 'door'] as const) {
      const taken = await times(ways[way])
      // The first round warms all of them up.
      if (round === 0) continue
      all[way].push(...taken)
      if (way === 'door') medians.push(quantile(taken, 0.5))
    }
  const of = (way: keyof Ways) => quantile(all[way], 0.5)
  const [door, least, baseline] = [of('door'), of('recording'), of('proxy')].map((ms) => ms - of('direct')) as [
    number,
    number,
    number,
  ]
  const note = `direct ${of('direct').toFixed(2)} ms, bare proxy ${of('proxy').toFixed(2)} ms, door ${of('door').toFixed(2)} ms`
  return [
    { name, measured: door, baseline, unit: 'ms', ratio: door / baseline, spread: spread(medians), note },
    { name: LEAST, measured: least, baseline, unit: 'ms', ratio: least / baseline, spread: null },
  ]
}

type Measured = 'proxy' | 'recording' | 'door'

async function throughput(ways: Ways, children: Record<Measured, Child>, calls: number): Promise<Result[]> {
  const measure = async (name: Measured) => {
    const [way, { pid }] = [ways[name], children[name]]
    await load(way, MANY, calls / 4)
    const [cpu, began] = [await cpuMs(pid), performance.now()]
    await load(way, MANY, calls)
    return { rate: (calls / (performance.now() - began)) * 1000, cpu: ((await cpuMs(pid)) - cpu) / calls }
  }
  const rounds: Record<Measured, { rate: number; cpu: number }>[] = []
  for (let round = 0; round < 3; round++)
    rounds.push({
      proxy: await measure('proxy'),
      recording: await measure('recording'),
      door: await measure('door'),
    })
  const result = (name: string, unit: string, what: 'rate' | 'cpu', who: Measured): Result => {
    const of = (measured: Measured) => rounds.map((r) => r[measured][what])
    const [measured, baseline] = [quantile(of(who), 0.5), quantile(of('proxy'), 0.5)]
    return { name, measured, baseline, unit, ratio: measured / baseline, spread: spread(of(who)) }
  }
  return [
    result(`… requests a second, ${MANY} connections`, '/s', 'rate', 'door'),
    result(LEAST, '/s', 'rate', 'recording'),
    result('… processor time of the server, each', 'ms', 'cpu', 'door'),
    result(LEAST, 'ms', 'cpu', 'recording'),
  ]
}

async function firstBytes({ url, key, body }: Way, calls: number): Promise<number[]> {
  const dispatcher = new Agent({ connections: 1 })
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  const times: number[] = []
  for (let n = 0; n < calls; n++) {
    const began = performance.now()
    const answer = await request(url, { method: 'POST', headers, body: JSON.stringify(body), dispatcher })
    let first: number | undefined
    for await (const _ of answer.body) first ??= performance.now() - began
    if (answer.statusCode !== 200 || first === undefined) throw new Error(`${url} answered ${answer.statusCode}`)
    times.push(first)
  }
  await dispatcher.close()
  return times
}

/** So many streams open at once for a while: how long the server lets a small request wait meanwhile, and what memory it takes. */
async function manyStreams(way: Way, node: Child, seconds: number): Promise<Result[]> {
  const until = performance.now() + seconds * 1000
  const open = Array.from({ length: STREAMS }, async () => {
    while (performance.now() < until) await firstBytes(way, 1)
  })
  await delay(Math.min(5_000, seconds * 300))
  const waits: number[] = []
  const memory = [await rssMiB(node.pid)]
  const left = until - performance.now()
  while (performance.now() < until) {
    if (performance.now() > until - left * (1 - memory.length / 6)) memory.push(await rssMiB(node.pid))
    const began = performance.now()
    await (await fetch(`${node.url}/healthz`)).text()
    waits.push(performance.now() - began)
    await delay(10)
  }
  memory.push(await rssMiB(node.pid))
  await Promise.all(open)
  return [
    {
      name: `${STREAMS} open streams, /healthz meanwhile, p99`,
      measured: quantile(waits, 0.99),
      baseline: null,
      unit: 'ms',
      ratio: null,
      spread: null,
      note: `p50 ${quantile(waits, 0.5).toFixed(2)} ms; ${memory.map((mib) => mib.toFixed(0)).join(', ')} MiB at each sixth of ${seconds} s`,
    },
  ]
}

/** Processor time that a process has used. */
async function cpuMs(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /, '').split(' ')
  // Clock ticks of 10 ms, in user mode and in the kernel.
  return (Number(fields[11]) + Number(fields[12])) * 10
}

const rssMiB = async (pid: number): Promise<number> =>
  Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))![1]) / 1024
