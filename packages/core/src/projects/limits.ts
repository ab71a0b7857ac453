import { z } from 'zod'

const Count = (max: number) => z.int().min(1).max(max)

/**
 * What a project may use. Runs begun in any 60 seconds (null: as the server is set; 0: any number), runs at once, and budgets for a month
 * in UTC: tokens, and US cents where costs are known. Null: no limit.
 */
export const ProjectLimits = z.strictObject({
  runsPerMinute: z.int().min(0).max(1_000_000).nullable(),
  runsAtOnce: Count(10_000).nullable(),
  monthlyTokens: Count(1_000_000_000_000).nullable(),
  monthlyCents: Count(1_000_000_000).nullable(),
})
export type ProjectLimits = z.infer<typeof ProjectLimits>

export const noLimits: ProjectLimits = {
  runsPerMinute: null,
  runsAtOnce: null,
  monthlyTokens: null,
  monthlyCents: null,
}

const names = {
  runsPerMinute: 'runs a minute',
  runsAtOnce: 'runs at once',
  monthlyTokens: 'tokens a month',
  monthlyCents: 'US dollars a month',
} as const

/** What differs, as text: `60 runs a minute`, `no limit of runs at once`. */
export function saidLimits(limits: ProjectLimits, other: ProjectLimits): string {
  const said = (Object.keys(names) as (keyof ProjectLimits)[])
    .filter((name) => limits[name] !== other[name])
    .map((name) => (limits[name] ? `${amount(name, limits[name])} ${names[name]}` : unlimited(name, limits[name])))
  return said.join(', ')
}

const unlimited = (name: keyof ProjectLimits, value: number | null) =>
  name === 'runsPerMinute' && value === null ? "the server's runs a minute" : `any ${names[name]}`

const amount = (name: keyof ProjectLimits, value: number) =>
  name === 'monthlyCents' ? (value / 100).toFixed(2) : String(value)
