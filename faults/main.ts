import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import type { Findings } from './audit.ts'
import { checkBooks, compare } from './audit.ts'
import type { Acknowledged } from './load.ts'
import { startLoad } from './load.ts'
import type { Row } from './report.ts'
import { report } from './report.ts'
import type { Scenario } from './scenario.ts'
import { healed } from './scenario.ts'
import { blackHole, halfClosed, pool, slow } from './scenarios/cuts.ts'
import { databaseDeath, frozenDatabase, frozenServer, kill } from './scenarios/kills.ts'
import { connectionLimit, fullDisk, unmount } from './scenarios/limits.ts'
import { clocks, rolling, soak } from './scenarios/operations.ts'
import type { World } from './world.ts'
import { makeWorld } from './world.ts'

// pnpm faults [kill] [database] [pool] … [--rounds N] [--soak-minutes N] [--json FILE]
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string' }, 'soak-minutes': { type: 'string' }, json: { type: 'string' } },
})
const scenarios: Record<string, Scenario> = {
  kill,
  database: databaseDeath,
  pool,
  'black-hole': blackHole,
  'half-closed': halfClosed,
  slow,
  connections: connectionLimit,
  'frozen-server': frozenServer,
  'frozen-database': frozenDatabase,
  disk: fullDisk,
  clocks,
  rolling: rolling(),
  soak: soak(Number(values['soak-minutes'] ?? 10)),
}
const unknown = positionals.filter((name) => !Object.hasOwn(scenarios, name))
if (unknown.length > 0)
  throw new Error(`There is no scenario ${unknown.join(', ')}. Choose from ${Object.keys(scenarios).join(', ')}.`)

const say = (line: string) => process.stderr.write(`${line}\n`)
const world = await makeWorld()
const rows: Row[] = []
const known = new Set<string>()
const began = { index: -1 }
let problems: string[] = []
try {
  for (const [name, scenario] of Object.entries(scenarios)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue
    say(`${scenario.name} …`)
    rows.push(await play(scenario, values.rounds === undefined ? scenario.rounds : Number(values.rounds)))
    if (values.json) await writeFile(values.json, `${JSON.stringify({ rows }, null, 2)}\n`)
  }
  for (const id of world.probes) known.add(id)
  problems = (await checkBooks(world, known)).problems
} finally {
  await unmount(world)
  await world.close()
}
if (values.json) await writeFile(values.json, `${JSON.stringify({ rows, problems }, null, 2)}\n`)
process.stdout.write(report(rows, problems))
process.exitCode = problems.length > 0 || rows.some((row) => row.lost + row.doubled + row.unhealed > 0) ? 1 : 0

async function play(scenario: Scenario, rounds: number): Promise<Row> {
  const missing = await scenario.missing?.()
  if (missing) return left(scenario, missing)
  const load = startLoad(world)
  const healing: number[] = []
  let unhealed = 0
  for (let round = 0; round < rounds; round++) {
    await scenario.fault(world, round)
    if (round % 10 === 9) say(`  ${round + 1} of ${rounds}`)
    await healed(world).then(
      (ms) => healing.push(ms),
      async (error: unknown) => {
        unhealed++
        say(String(error))
        await restart(world)
      },
    )
  }
  await load.stop()
  const findings = await compare(world, load.acknowledged, began)
  for (const line of [...findings.lost, ...findings.doubled]) say(`  ${line}`)
  for (const ids of load.acknowledged.runs.values()) for (const id of ids) known.add(id)
  return rowOf({ scenario, rounds, healing, unhealed, acknowledged: load.acknowledged, findings })
}

/** What does not heal by itself must not spoil what comes after it. */
async function restart({ nodes }: World): Promise<void> {
  for (const node of nodes) {
    if (node.running()) await node.signal('SIGKILL')
    await node.start()
  }
}

type Played = {
  scenario: Scenario
  rounds: number
  healing: readonly number[]
  unhealed: number
  acknowledged: Acknowledged
  findings: Findings
}

function rowOf({ scenario, rounds, healing, unhealed, acknowledged, findings }: Played): Row {
  const refused = [...acknowledged.statuses]
    .filter(([status]) => status !== '200')
    .map(([status, n]) => `${n} × ${status}`)
  return {
    name: scenario.name,
    rounds,
    unhealed,
    slowestMs: Math.round(Math.max(0, ...healing)),
    runs: acknowledged.runs.size,
    changes: acknowledged.changes.length,
    files: acknowledged.files.length,
    lost: findings.lost.length,
    doubled: findings.doubled.length,
    failedTwice: acknowledged.failedTwice,
    notes: [scenario.notes?.(), refused.join(', '), acknowledged.failed > 0 && `${acknowledged.failed} runs failed`]
      .filter(Boolean)
      .join('; '),
  }
}

const left = ({ name }: Scenario, why: string): Row => ({
  name,
  rounds: 0,
  unhealed: 0,
  slowestMs: 0,
  runs: 0,
  changes: 0,
  files: 0,
  lost: 0,
  doubled: 0,
  failedTwice: 0,
  notes: `left out: ${why}`,
})
