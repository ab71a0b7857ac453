import { execFileSync } from 'node:child_process'
import { arch, cpus, loadavg, platform, release, totalmem } from 'node:os'

/** One line of the table. `ratio` is what is measured over its baseline of the same run. */
export type Result = {
  name: string
  measured: number
  baseline: number | null
  unit: string
  ratio: number | null
  /** Half the interquartile range of the rounds, as a share of their median. */
  spread: number | null
  note?: string
}

export type Machine = Record<string, string | number>

export function machine(postgres: string): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()} ${arch()}`,
    node: process.version,
    postgres,
    load: Math.round(loadavg()[0]! * 100) / 100,
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
  }
}

const digits = (n: number) => (Math.abs(n) >= 100 ? n.toFixed(0) : Math.abs(n) >= 10 ? n.toFixed(1) : n.toFixed(2))

export function table(results: readonly Result[]): string {
  const rows = results.map((r) => [
    r.name,
    `${digits(r.measured)} ${r.unit}`,
    r.baseline === null ? '' : `${digits(r.baseline)} ${r.unit}`,
    r.ratio === null ? '' : r.ratio.toFixed(2),
    r.spread === null ? '' : `±${(r.spread * 100).toFixed(0)} %`,
    r.note ?? '',
  ])
  const all = [['what', 'measured', 'baseline', 'ratio', 'spread', 'note'], ...rows]
  const widths = all[0]!.map((_, i) => Math.max(...all.map((row) => row[i]!.length)))
  const line = (row: readonly string[]) => `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`
  return [line(all[0]!), line(widths.map((w) => '-'.repeat(w))), ...all.slice(1).map(line)].join('\n')
}
