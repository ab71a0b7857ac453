import type { Command } from 'commander'
import { historyPageAfter } from '../history/queries.ts'
import { rotationAudit } from '../audit/rotations.ts'
import { projectOf } from '../projects/project-of.ts'
import { count, projectId } from './input.ts'
import { iso, print, time, UsageError } from './output.ts'
import { withPlatform } from './session.ts'

type HistoryFlags = { json?: boolean; after?: string }
type RotationFlags = { json?: boolean; project?: string; maxAge: string }

const PAGE = 500

/** `history`, `audit key` and `audit rotations`. */
export function auditCommands(program: Command): void {
  program
    .command('history <project>')
    .description('every event of a project, oldest first')
    .option('--after <index>', 'only those after this place in the log')
    .action(history)
  const audit = program.command('audit').description('what an auditor asks')
  audit
    .command('key')
    .description("the name of this installation's log, and the key that its checkpoints are verified with")
    .action(key)
  audit
    .command('rotations')
    .description('the life of every provider key, computed by replaying the events')
    .option('--project <project>', 'only this one')
    .option('--max-age <days>', 'older keys are overdue', '90')
    .action(rotations)
}

async function history(id: string, _: HistoryFlags, command: Command) {
  const { json = false, after } = command.optsWithGlobals<HistoryFlags>()
  const project = projectId(id)
  let from = after === undefined ? -1 : count(after)
  await withPlatform(async (platform) => {
    await projectOf(platform, project)
    for (;;) {
      const page = await historyPageAfter(platform, { projectId: project, after: from, limit: PAGE })
      for (const e of page) {
        const { index, projectId: project_id, stream, seq, type, at, actor, text: sentence, data, unreadable } = e
        const row = {
          index,
          project_id,
          stream,
          seq,
          type,
          at: iso(at),
          actor: actor.id,
          sentence,
          data,
          ...(unreadable && { unreadable }),
        }
        print(json, row, () => `${String(index).padStart(6)}  ${time(at)}  ${actor.label} ${sentence}`)
      }
      if (page.length < PAGE) return
      from = page.at(-1)!.index
    }
  })
}

async function key(_: { json?: boolean }, command: Command) {
  const { json = false } = command.optsWithGlobals<{ json?: boolean }>()
  await withPlatform(async ({ publicLog: { origin, verifierKey } }) =>
    print(json, { origin, verifier_key: verifierKey }, () => [
      `Origin        ${origin}`,
      `Verifier key  ${verifierKey}`,
    ]),
  )
}

async function rotations(_: RotationFlags, command: Command) {
  const { json = false, project, maxAge } = command.optsWithGlobals<RotationFlags>()
  const maxAgeDays = Number(maxAge)
  if (!(maxAgeDays >= 0)) throw new UsageError(`"${maxAge}" is not a number of days.`)
  const only = project === undefined ? undefined : projectId(project)
  await withPlatform(async (platform) => {
    if (only) await projectOf(platform, only)
    const report = await rotationAudit(platform, { projectId: only, maxAgeDays })
    if (report.unreadable)
      process.stderr.write(`Warning: ${report.unreadable} events cannot be opened; the report lacks them.\n`)
    for (const p of report.projects) {
      const keys = p.keys.map((k) => ({
        fingerprint: k.fingerprint,
        provider: k.provider.provider,
        base_url: k.provider.baseUrl,
        from: iso(k.from),
        to: iso(k.to),
        set_by: k.setBy,
        replaced_by: k.replacedBy,
        reason: k.reason,
        runs: k.runs,
        runs_after_replaced: k.runsAfterReplaced,
        age_days: k.ageDays,
        overdue: k.overdue,
        also_in: k.alsoIn,
        came_back: k.cameBack,
      }))
      const shared = [...new Set(keys.filter((k) => k.also_in.length).map((k) => k.fingerprint))]
      const rejected = p.rejected.map((r) => ({ ...r, at: iso(r.at) }))
      const row = {
        project_id: p.projectId,
        name: p.name,
        keys,
        runs_after_replaced: p.runsAfterReplaced,
        overdue: p.overdue,
        fingerprints_in_other_projects: shared,
        rejected,
        equals_view: !report.fromView.differs.includes(p.projectId),
      }
      print(json, row, () => [
        `${p.name} (${p.projectId})${p.overdue ? '  OVERDUE' : ''}`,
        ...keys.map(
          (k) =>
            `  ${k.fingerprint}  ${k.from?.slice(0, 19)} – ${k.to?.slice(0, 19) ?? 'in use'}  ${k.age_days.toFixed(1)} days  ${k.runs} runs, ${k.runs_after_replaced} after it was replaced${k.also_in.length ? '  also in other projects' : ''}`,
        ),
      ])
    }
    if (!json) process.stdout.write(`Replayed ${report.events} events in ${report.ms} ms.\n`)
  })
}
