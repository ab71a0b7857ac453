import type { Capability } from '@stewrd/core/kernel/capabilities.ts'

/** Formats by the extension of a name, in lower case, without the dot. */
export const extensionOf = (name: string): string => /\.([A-Za-z0-9]{1,16})$/.exec(name)?.[1]?.toLowerCase() ?? ''

const tables = ['csv', 'tsv', 'json', 'jsonl', 'ndjson', 'xlsx'] as const
export type TableFormat = (typeof tables)[number]

/** Undefined for a file that holds no tables. */
export const tableFormat = (name: string): TableFormat | undefined =>
  tables.find((format) => format === extensionOf(name))

/** The capabilities of which one is enough to read a file of this name. */
export function capabilitiesThatRead(name: string): readonly Capability[] {
  const format = tableFormat(name)
  if (format === 'xlsx') return ['data']
  return format ? ['data', 'files'] : ['files']
}
