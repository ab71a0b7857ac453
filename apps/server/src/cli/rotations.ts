import { SetRotationPolicyInput } from '@stewrd/core/key-custody/input.ts'
import { rotationsCsv } from '@stewrd/core/audit/csv.ts'
import type { Command } from 'commander'
import { writeFile } from 'node:fs/promises'
import type { RotationAudit } from '../audit/rotations.ts'
import { rotationAudit } from '../audit/rotations.ts'
import { rotationsPdf } from '../audit/rotations-pdf.ts'
import { rotationPolicy, setRotationPolicy } from '../key-custody/service.ts'
import { projectOf } from '../projects/project-of.ts'
import { parse, projectId } from './input.ts'
import { iso, print, UsageError } from './output.ts'
import { OPERATOR, withPlatform } from './session.ts'

type PolicyFlags = { json?: boolean; maxAge?: string; reason?: string }
type ReportFlags = { json?: boolean; project?: string; maxAge?: string; pdf?: string; csv?: string }
type Project = RotationAudit['projects'][number]

/** `audit policy` and `audit rotations`. */
export function rotationCommands(audit: Command): void {
  audit
    .command('policy <project>')
    .description('how old a key of this project may become; with --max-age, rule it')
    .option('--max-age <days>', 'whole days, or "default" for the rule of the deployment')
    .option('--reason <text>', 'why, for the audit history')
    .action(policy)
  audit
    .command('rotations')
    .description('the life of every provider key, computed by replaying the events')
    .option('--project <project>', 'only this one')
    .option('--max-age <days>', "measure by this, and not by each project's rule")
    .option('--pdf <file>', 'also write it as a document')
    .option('--csv <file>', 'also write it as a table')
    .action(rotations)
}

async function policy(id: string, _: PolicyFlags, command: Command) {
  const { json = false, maxAge, reason } = command.optsWithGlobals<PolicyFlags>()
  const project = projectId(id)
  await withPlatform(async (platform) => {
    await projectOf(platform, project)
    if (maxAge !== undefined) {
      const maxAgeDays = maxAge === 'default' ? null : Number(maxAge)
      const input = parse(SetRotationPolicyInput, { projectId: project, maxAgeDays, ...(reason && { reason }) })
      await setRotationPolicy(platform, input, OPERATOR)
    }
    const { maxAgeDays, own } = await rotationPolicy(platform, project)
    print(json, { project_id: project, max_age_days: maxAgeDays, source: own ? 'project' : 'deployment' }, () =>
      own
        ? `A key of this project is to be rotated after ${maxAgeDays} days.`
        : `No rule of its own: a key is to be rotated after ${maxAgeDays} days, as everywhere in this deployment.`,
    )
  })
}

async function rotations(_: ReportFlags, command: Command) {
  const { json = false, project, maxAge, pdf, csv } = command.optsWithGlobals<ReportFlags>()
  const maxAgeDays = maxAge === undefined ? null : Number(maxAge)
  if (maxAgeDays !== null && !(maxAgeDays >= 0)) throw new UsageError(`"${maxAge}" is not a number of days.`)
  const only = project === undefined ? undefined : projectId(project)
  await withPlatform(async (platform) => {
    if (only) await projectOf(platform, only)
    const report = await rotationAudit(platform, { projectId: only, maxAgeDays })
    if (report.unreadable)
      process.stderr.write(`Warning: ${report.unreadable} events cannot be opened; the report lacks them.\n`)
    if (pdf !== undefined) await writeFile(pdf, await rotationsPdf(report))
    if (csv !== undefined) await writeFile(csv, rotationsCsv(report.projects))
    for (const p of report.projects)
      print(json, { ...row(p), equals_view: !report.fromView.differs.includes(p.projectId) }, () => lines(p))
    if (!json) process.stdout.write(`Replayed ${report.events} events in ${report.ms} ms.\n`)
  })
}

function row(p: Project) {
  const keys = p.keys.map((k) => ({
    fingerprint: k.fingerprint,
    provider: k.provider.provider,
    base_url: k.provider.baseUrl,
    from: iso(k.from),
    to: iso(k.to),
    set_by: k.setBy,
    replaced_by: k.replacedBy,
    reason: k.reason,
    replaced_reason: k.replacedReason,
    runs: k.runs,
    runs_after_replaced: k.runsAfterReplaced,
    fallback_until: iso(k.overlap?.until ?? null),
    fallback_ended: iso(k.overlap?.endedAt ?? null),
    fallback_runs: k.fallbackRuns,
    destroyed_at: iso(k.retiredAt),
    began: k.began,
    age_days: k.ageDays,
    days_beyond_policy: k.daysBeyond,
    overdue: k.overdue,
    also_in: k.alsoIn,
    came_back: k.cameBack,
  }))
  return {
    project_id: p.projectId,
    name: p.name,
    policy: { max_age_days: p.policy.maxAgeDays, source: p.policy.source, since: iso(p.policy.since), by: p.policy.by },
    policy_changes: p.policies.map((c) => ({ at: iso(c.at), by: c.by, from: c.from, to: c.to, reason: c.reason })),
    keys,
    rotations: p.rotations,
    runs: p.runs,
    runs_after_replaced: p.runsAfterReplaced,
    fallback_runs: p.fallbackRuns,
    overdue: p.overdue,
    due_at: iso(p.due?.dueAt ?? null),
    longest_gap: p.longestGap && { ...p.longestGap, from: iso(p.longestGap.from), to: iso(p.longestGap.to) },
    fingerprints_in_other_projects: [...new Set(keys.filter((k) => k.also_in.length).map((k) => k.fingerprint))],
    rejected: p.rejected.map((r) => ({ ...r, at: iso(r.at) })),
  }
}

function lines(p: Project): string[] {
  const gap = p.longestGap ? `, longest time on one key ${p.longestGap.days.toFixed(1)} days` : ''
  return [
    `${p.name} (${p.projectId})${p.overdue ? '  OVERDUE' : p.due?.status === 'soon' ? '  due soon' : ''}`,
    `  at most ${p.policy.maxAgeDays} days a key; ${p.rotations} ${p.rotations === 1 ? 'rotation' : 'rotations'}${gap}`,
    ...p.keys.map(
      (k) =>
        `  ${k.fingerprint}  ${iso(k.from)?.slice(0, 19)} – ${iso(k.to)?.slice(0, 19) ?? 'in use'}  ${k.ageDays.toFixed(1)} days  ${k.runs} runs, ${k.runsAfterReplaced} after it was replaced${k.fallbackRuns ? `, ${k.fallbackRuns} as a fallback` : ''}${k.retiredAt === null ? '' : ', destroyed'}${k.alsoIn.length ? '  also in other projects' : ''}`,
    ),
  ]
}
