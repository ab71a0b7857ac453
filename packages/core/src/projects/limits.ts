import { z } from 'zod'

const Count = (max: number) => z.int().min(1).max(max)

/** What the first version of a change of limits had. */
const first = {
  runsPerMinute: z.int().min(0).max(1_000_000).nullable(),
  runsAtOnce: Count(10_000).nullable(),
  monthlyTokens: Count(1_000_000_000_000).nullable(),
  monthlyCents: Count(1_000_000_000).nullable(),
}
const stored = {
  storedMegabytes: Count(1_000_000_000).nullable(),
  storedFiles: Count(1_000_000_000).nullable(),
  openSessions: Count(1_000_000).nullable(),
}

/**
 * What a project may use. Runs begun in any 60 seconds (null: as the server is set; 0: any number), runs at once, and budgets for a month
 * in UTC: tokens, and US cents where costs are known. Null: no limit. Files that are kept, by their size and number, and sessions that are
 * open: null is as the server is set.
 */
export const ProjectLimits = z.strictObject({ ...first, ...stored })
export type ProjectLimits = z.infer<typeof ProjectLimits>

/** As it is sent. What is left out of the second version's limits stays as it is. */
export const ProjectLimitsInput = z.strictObject({
  ...first,
  storedMegabytes: stored.storedMegabytes.optional(),
  storedFiles: stored.storedFiles.optional(),
  openSessions: stored.openSessions.optional(),
})

export const noLimits: ProjectLimits = {
  runsPerMinute: null,
  runsAtOnce: null,
  monthlyTokens: null,
  monthlyCents: null,
  storedMegabytes: null,
  storedFiles: null,
  openSessions: null,
}

const names = {
  runsPerMinute: 'runs a minute',
  runsAtOnce: 'runs at once',
  monthlyTokens: 'tokens a month',
  monthlyCents: 'US dollars a month',
  storedMegabytes: 'MB of files',
  storedFiles: 'files',
  openSessions: 'open sessions',
} as const
/** Without one of its own a project has the server's limit. */
const ofTheServer: readonly (keyof ProjectLimits)[] = [
  'runsPerMinute',
  'storedMegabytes',
  'storedFiles',
  'openSessions',
]

/** What differs, as text: `60 runs a minute`, `no limit of runs at once`. */
export function saidLimits(limits: ProjectLimits, other: ProjectLimits): string {
  const said = (Object.keys(names) as (keyof ProjectLimits)[])
    .filter((name) => limits[name] !== other[name])
    .map((name) => (limits[name] ? `${amount(name, limits[name])} ${names[name]}` : unlimited(name, limits[name])))
  return said.join(', ')
}

const unlimited = (name: keyof ProjectLimits, value: number | null) =>
  ofTheServer.includes(name) && value === null ? `the server's ${names[name]}` : `any ${names[name]}`

const amount = (name: keyof ProjectLimits, value: number) =>
  name === 'monthlyCents' ? (value / 100).toFixed(2) : String(value)
