type Named = { name: string; refers: readonly string[] }

/** Every table after the others that its foreign keys refer to. */
export function inOrder<T extends Named>(tables: readonly T[]): T[] {
  const ordered: T[] = []
  const waiting = [...tables]
  while (waiting.length > 0) {
    const next = waiting.findIndex(
      (table) => !table.refers.some((name) => name !== table.name && waiting.some((t) => t.name === name)),
    )
    if (next < 0) throw new Error(`Tables refer to each other: ${waiting.map((t) => t.name).join(', ')}.`)
    ordered.push(...waiting.splice(next, 1))
  }
  return ordered
}
