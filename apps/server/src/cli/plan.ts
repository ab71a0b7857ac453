import { capabilities } from '@stewrd/core/kernel/capabilities.ts'
import { NO_PLAN, Plan } from '@stewrd/core/kernel/plan.ts'
import type { Command } from 'commander'
import { projectOf } from '../projects/project-of.ts'
import { changeProject } from '../projects/service.ts'
import { parse, projectId } from './input.ts'
import { print, UsageError } from './output.ts'
import { OPERATOR, withPlatform } from './session.ts'

type Flags = { json?: boolean; capabilities?: string; none?: boolean }

/** `project plan`. */
export function planCommand(project: Command): void {
  project
    .command('plan <project> [name]')
    .description('what the operator lets a project have; without a name it is only shown')
    .option('--capabilities <list>', `all that its runs may use, such as chat,files (of ${capabilities.join(', ')})`)
    .option('--none', 'take its plan away: nothing is kept from it')
    .action(plan)
}

async function plan(id: string, name: string | undefined, _: Flags, command: Command) {
  const { json = false, capabilities: list, none = false } = command.optsWithGlobals<Flags>()
  const project = projectId(id)
  const to = none ? null : planOf(name, list)
  await withPlatform(async (platform) => {
    if (to !== undefined) await changeProject(platform, project, { type: 'SetPlan', plan: to }, {}, OPERATOR)
    const { plan: now } = await projectOf(platform, project)
    print(json, { project_id: project, plan: now?.name ?? NO_PLAN, capabilities: now?.capabilities ?? null }, () => [
      now ? `Plan ${now.name}: ${now.capabilities.join(', ')}` : 'No plan: nothing is kept from this project.',
    ])
  })
}

/** Undefined: it is only asked for. */
function planOf(name: string | undefined, list: string | undefined): Plan | undefined {
  if (name === undefined && list === undefined) return undefined
  if (name === undefined || list === undefined)
    throw new UsageError(
      'A plan has a name and capabilities: stewrd project plan PROJECT free --capabilities chat,files',
    )
  return parse(Plan, { name, capabilities: list.split(',').map((c) => c.trim()) })
}
