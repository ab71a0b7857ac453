import type { LlmChange } from '../llm/change.ts'
import { count, projectId } from './input.ts'
import { print, time } from './output.ts'

/** Flags of every change of the configuration. */
export type ChangeFlags = { json?: boolean; reason?: string; expectedRevision?: string }

export function report(json = false, { revision, changed, warning, llm }: LlmChange) {
  if (warning) process.stderr.write(`Warning: ${warning}\n`)
  print(json, { revision, health: llm.health.status }, () =>
    changed
      ? `Now at revision ${revision} (${time(llm.changedAt)} UTC), model ${llm.model ?? 'none'}, key ${llm.health.status}.`
      : `Nothing to change: it is like that already, at revision ${revision}.`,
  )
}

export function changeOf(id: string, { reason, expectedRevision }: ChangeFlags) {
  return {
    projectId: projectId(id),
    ...(reason === undefined ? {} : { reason }),
    ...(expectedRevision === undefined ? {} : { expectedRevision: count(expectedRevision) }),
  }
}
