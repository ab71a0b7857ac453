import type { Command } from 'commander'
import { historyPageAfter } from '../history/queries.ts'
import { projectOf } from '../projects/project-of.ts'
import { count, projectId } from './input.ts'
import { iso, print, time } from './output.ts'
import { verifyCommand } from './audit-verify.ts'
import { bundleCommands } from './audit-bundle.ts'
import { rotationCommands } from './rotations.ts'
import { withPlatform } from './session.ts'

type HistoryFlags = { json?: boolean; after?: string }

const PAGE = 500

/** `history`, `audit key`, `audit verify`, `audit export`, and what is audited of keys. */
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
  verifyCommand(audit)
  bundleCommands(audit)
  rotationCommands(audit)
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
