import type { Command } from 'commander'
import { ProjectName } from '@stewrd/core/projects/events.ts'
import { regenerateApiKey } from '../api-keys/service.ts'
import { listProjects } from '../projects/list.ts'
import { listShredded } from '../shredding/service.ts'
import { createProject } from '../projects/service.ts'
import { projectOf } from '../projects/project-of.ts'
import { projectId } from './input.ts'
import { planCommand } from './plan.ts'
import { iso, print, time, UsageError } from './output.ts'
import { OPERATOR, withPlatform } from './session.ts'
import { shreddingCommands } from './shredding.ts'

type Flags = { json?: boolean }

/** `project create | list | plan | shred | cancel-shred` and `api-key regenerate`. */
export function projectCommands(program: Command): void {
  const project = program.command('project').description('projects and their API keys')
  project.command('create <name>').description('make a project; its API key is shown this once').action(create)
  project.command('list').description('all projects, newest first').action(list)
  planCommand(project)
  shreddingCommands(project)
  const apiKey = program.command('api-key').description('what clients authenticate with')
  apiKey
    .command('regenerate <project>')
    .description('make a new API key; the one before stops working at once')
    .action(regenerate)
}

async function create(name: string, _: Flags, command: Command) {
  const { json = false } = command.optsWithGlobals<Flags>()
  const parsed = ProjectName.safeParse(name)
  if (!parsed.success) throw new UsageError(parsed.error.issues[0]!.message)
  await withPlatform(async (platform) => {
    const made = await createProject(platform, { name: parsed.data }, OPERATOR)
    print(json, { project_id: made.projectId, name: made.name, api_key: made.apiKey }, () => [
      `Project ${made.name}`,
      `  id       ${made.projectId}`,
      `  API key  ${made.apiKey}`,
      'Keep the API key now: it is not shown again.',
    ])
  })
}

async function list(_: Flags, command: Command) {
  const { json = false } = command.optsWithGlobals<Flags>()
  await withPlatform(async (platform) => {
    const projects = await listProjects(platform)
    const shredded = await listShredded(platform)
    if (!projects.length && !shredded.length && !json)
      process.stderr.write('No projects yet. Make one: stewrd project create NAME\n')
    for (const p of projects) {
      const { status, provider, model, keyFingerprint, revision } = p.llm
      const row = { project_id: p.projectId, name: p.name, status: p.status, created_at: iso(p.createdAt) }
      const llm = {
        runs_on: status,
        provider,
        model,
        key_fingerprint: keyFingerprint,
        revision,
        health: p.health.status,
      }
      print(
        json,
        { ...row, ...llm },
        () => `${p.projectId}  ${time(p.createdAt)}  ${p.name}  ${model ?? 'no model'} (${provider ?? status})`,
      )
    }
    for (const { projectId: project_id, state, at } of shredded)
      print(json, { project_id, status: 'shredded', shredding: state, shredded_at: iso(at) }, () => {
        return `${project_id}  ${time(at)}  shredded (${state})`
      })
  })
}

async function regenerate(id: string, _: Flags, command: Command) {
  const { json = false } = command.optsWithGlobals<Flags>()
  const project = projectId(id)
  await withPlatform(async (platform) => {
    await projectOf(platform, project)
    const { apiKey } = await regenerateApiKey(platform, project, {}, OPERATOR)
    print(json, { api_key: apiKey }, () => [
      `${apiKey}`,
      'Keep it now: it is not shown again. The key before it no longer works.',
    ])
  })
}
