import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { agent } from './agent.ts'
import { append } from './append.ts'
import { bundle } from './bundle.ts'
import { completions } from './completions.ts'
import { makeBed } from './bed.ts'
import { hotStream } from './hot-stream.ts'
import { masterKey } from './master-key.ts'
import { memory } from './memory.ts'
import { replay } from './replay.ts'
import type { Result } from './result.ts'
import { machine, table } from './result.ts'
import { rotation } from './rotation.ts'
import { start } from './start.ts'
import { verify } from './verify.ts'
import { visible } from './visible.ts'

// pnpm bench [append] [hot-stream] [visible] [replay] [verify] [bundle] [memory] [agent] [completions] [rotation] [master-key] [start] [--quick] [--streams-seconds N] [--json FILE]
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    'streams-seconds': { type: 'string' },
    json: { type: 'string' },
  },
})
const { quick } = values
const streamsSeconds = Number(values['streams-seconds'] ?? (quick ? 3 : 60))

const bed = await makeBed()
const benches: Record<string, () => Promise<Result[]>> = {
  append: () => append(bed, quick ? 0.3 : 2),
  'hot-stream': () => hotStream(bed, quick ? 0.3 : 2),
  visible: () => visible(bed, quick ? 500 : 20_000),
  replay: () => replay(bed, quick ? 5_000 : 100_000),
  verify: () => verify(bed, quick ? 5_000 : 100_000),
  bundle: () => bundle(bed, quick ? 500 : 10_000),
  memory: () => memory(quick ? 1_000 : 10_000, quick ? 10_000 : 1_000_000),
  agent: () => agent(bed, quick ? 100 : 1_000),
  completions: () => completions(bed, { calls: quick ? 100 : 2_000, streamsSeconds }),
  rotation: () => rotation(bed, quick ? 5 : 50),
  'master-key': () => masterKey(bed, quick ? 1_000 : 10_000),
  start: () => start(quick ? 1 : 5),
}
const unknown = positionals.filter((name) => !Object.hasOwn(benches, name))
if (unknown.length > 0)
  throw new Error(`No benchmark is called ${unknown.join(', ')}: ${Object.keys(benches).join(', ')}`)

const results: Result[] = []
try {
  for (const [name, bench] of Object.entries(benches)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue
    process.stderr.write(`${name} …\n`)
    results.push(...(await bench()))
  }
} finally {
  await bed.close()
}
const report = { at: new Date().toISOString(), machine: machine(bed.postgres), results }
process.stdout.write(`${table(results)}\n\n${JSON.stringify(report)}\n`)
if (values.json) await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`)
