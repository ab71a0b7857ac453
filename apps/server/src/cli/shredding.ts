import { Reason } from '@stewrd/core/kernel/text.ts'
import { nameOfKek } from '@stewrd/crypto/keyring.ts'
import type { Command } from 'commander'
import type { Shredding } from '../shredding/service.ts'
import { cancelShredding, requestShredding } from '../shredding/service.ts'
import { parse, projectId } from './input.ts'
import { iso, print } from './output.ts'
import { OPERATOR, withPlatform } from './session.ts'

type Flags = { json?: boolean; confirm: string; now?: boolean; reason?: string }

/** `project shred` and `project cancel-shred`. */
export function shreddingCommands(project: Command): void {
  project
    .command('shred <project>')
    .description(
      'destroy all keys of a project, in seven days or now; its history stays, its contents cannot be read again',
    )
    .requiredOption('--confirm <name>', "the project's name")
    .option('--now', 'without the seven days in which it can be cancelled')
    .option('--reason <text>', 'why, for the audit history')
    .action(shred)
  project
    .command('cancel-shred <project>')
    .description('take the request back while its time has not come')
    .action(cancel)
}

async function shred(id: string, _: Flags, command: Command) {
  const { json = false, confirm, now = false, reason } = command.optsWithGlobals<Flags>()
  const input = { projectId: projectId(id), confirm, now, ...(reason && { reason: parse(Reason, reason) }) }
  await withPlatform(async (platform) => show(json, input.projectId, await requestShredding(platform, input, OPERATOR)))
}

async function cancel(id: string, _: Flags, command: Command) {
  const { json = false } = command.optsWithGlobals<Flags>()
  const project = projectId(id)
  await withPlatform(async (platform) => show(json, project, await cancelShredding(platform, project, OPERATOR)))
}

function show(json: boolean, project: string, found: Shredding) {
  const held = 'heldBy' in found ? found.heldBy.map(nameOfKek) : []
  const row = {
    project_id: project,
    state: found.state,
    due_at: iso('dueAt' in found ? found.dueAt : null),
    shredded_at: iso('at' in found ? found.at : null),
    held_by: held,
  }
  print(json, row, () => said(found, held))
}

function said(found: Shredding, held: readonly string[]): string[] {
  switch (found.state) {
    case 'none':
      return ['The project is not to be shredded.']
    case 'requested':
      return [
        `The project is at rest, and is shredded at ${iso(found.dueAt)}.`,
        'Until then: stewrd project cancel-shred PROJECT',
      ]
    case 'destroying':
      return ['The shredding is recorded. Servers are still ending it.']
    case 'pending':
      return [
        'The project is shredded: nothing of it can be read here.',
        `A backup from before can be read until these master keys are destroyed: ${held.join(', ')}.`,
        'Rotate the master key and retire them: stewrd keys rotate-master, stewrd keys retire KEY.',
      ]
    case 'complete':
      return ['The project is shredded, and every master key that ever wrapped its keys is destroyed.']
    default:
      return found satisfies never
  }
}
