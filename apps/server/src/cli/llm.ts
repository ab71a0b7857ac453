import type { Command } from 'commander'
import { ChangeModelInput, RemoveProviderInput, RotateKeyInput, SetProviderInput } from '@stewrd/core/llm/input.ts'
import { providerIds } from '@stewrd/core/llm/providers.ts'
import { configAt } from '../audit/config-at.ts'
import { currentLlm } from '../llm/current.ts'
import type { LlmChange } from '../llm/service.ts'
import { changeModel, removeProvider, rotateKey, setProvider } from '../llm/service.ts'
import { projectOf } from '../projects/project-of.ts'
import { count, moment, parse, projectId, secretFromStdin } from './input.ts'
import { iso, print, time, UsageError } from './output.ts'
import { OPERATOR, withPlatform } from './session.ts'

type Flags = { json?: boolean; reason?: string; expectedRevision?: string }
type SetFlags = Flags & { provider: string; model: string; baseUrl?: string }
type ShowFlags = Flags & { at?: string; revision?: string }

/** `llm set | rotate | model | remove | show`. Keys are read from standard input. */
export function llmCommands(program: Command): void {
  const llm = program.command('llm').description("a project's provider, key and model")
  const change = (line: string, what: string) =>
    llm
      .command(line)
      .description(what)
      .option('--reason <text>', 'why, for the audit history')
      .option('--expected-revision <n>', 'refuse unless it is at this revision')
  change('set <project>', 'set provider, model and key (the key on standard input); the key is tested first')
    .requiredOption('--provider <provider>', providerIds.join(' | '))
    .requiredOption('--model <model>', 'any model id of the provider')
    .option('--base-url <url>', 'for the provider custom')
    .action(set)
  change('rotate <project>', 'replace the key (the new one on standard input); it is tested first').action(rotate)
  change('model <project> <model>', 'change the model').action(model)
  change('remove <project>', 'remove provider and key').action(remove)
  llm
    .command('show <project>')
    .description('the configuration now, or at a time or revision')
    .option('--at <time>', 'such as 2026-11-23T14:30:00Z')
    .option('--revision <n>', 'after this many changes')
    .action(show)
}

async function set(id: string, _: SetFlags, command: Command) {
  const { provider, model: to, baseUrl, ...flags } = command.optsWithGlobals<SetFlags>()
  const key = await secretFromStdin('the provider key')
  const input = parse(SetProviderInput, {
    ...changeOf(id, flags),
    provider,
    model: to,
    ...(baseUrl && { baseUrl }),
    key: key.reveal(),
  })
  await withPlatform(async (platform) => report(flags.json, await setProvider(platform, input, OPERATOR)))
}

async function rotate(id: string, _: Flags, command: Command) {
  const flags = command.optsWithGlobals<Flags>()
  const key = await secretFromStdin('the new provider key')
  const input = parse(RotateKeyInput, { ...changeOf(id, flags), key: key.reveal() })
  await withPlatform(async (platform) => report(flags.json, await rotateKey(platform, input, OPERATOR)))
}

async function model(id: string, to: string, _: Flags, command: Command) {
  const flags = command.optsWithGlobals<Flags>()
  const input = parse(ChangeModelInput, { ...changeOf(id, flags), model: to })
  await withPlatform(async (platform) => report(flags.json, await changeModel(platform, input, OPERATOR)))
}

async function remove(id: string, _: Flags, command: Command) {
  const flags = command.optsWithGlobals<Flags>()
  const input = parse(RemoveProviderInput, changeOf(id, flags))
  await withPlatform(async (platform) => report(flags.json, await removeProvider(platform, input, OPERATOR)))
}

async function show(id: string, _: ShowFlags, command: Command) {
  const { at, revision, json = false } = command.optsWithGlobals<ShowFlags>()
  const project = projectId(id)
  if (at !== undefined && revision !== undefined) throw new UsageError('Give either --at or --revision.')
  await withPlatform(async (platform) => {
    await projectOf(platform, project)
    const then =
      at !== undefined ? { time: moment(at) } : revision !== undefined ? { revision: count(revision) } : undefined
    const shown = then ? past(await configAt(platform, project, then)) : now(await currentLlm(platform, project))
    print(json, shown, () => Object.entries(shown).map(([name, value]) => `${name.padEnd(18)}${value ?? '–'}`))
  })
}

type Shown = Record<'provider' | 'base_url' | 'model' | 'key_fingerprint' | 'changed_at' | 'health', string | null> & {
  has_provider_key: boolean
  revision: number
}

const now = (llm: Awaited<ReturnType<typeof currentLlm>>): Shown => ({
  provider: llm.provider,
  base_url: llm.baseUrl,
  model: llm.model,
  has_provider_key: llm.hasProviderKey,
  key_fingerprint: llm.keyFingerprint,
  revision: llm.revision,
  changed_at: iso(llm.changedAt),
  health: llm.health.status,
})

/** Health is of today: of an earlier configuration it is not told. */
function past({ llm }: Awaited<ReturnType<typeof configAt>>): Shown {
  const state = llm.state as Record<string, string | null | undefined>
  const own = state.status === 'own'
  return {
    provider: state.provider ?? null,
    base_url: state.baseUrl ?? null,
    model: state.model ?? null,
    has_provider_key: own,
    key_fingerprint: state.keyFingerprint ?? null,
    revision: llm.revision,
    changed_at: iso(llm.changedAt),
    health: null,
  }
}

function report(json = false, { revision, changed, warning, llm }: LlmChange) {
  if (warning) process.stderr.write(`Warning: ${warning}\n`)
  print(json, { revision, health: llm.health.status }, () =>
    changed
      ? `Now at revision ${revision} (${time(llm.changedAt)} UTC), key ${llm.health.status}.`
      : `Nothing to change: it is like that already, at revision ${revision}.`,
  )
}

function changeOf(id: string, { reason, expectedRevision }: Flags) {
  return {
    projectId: projectId(id),
    ...(reason === undefined ? {} : { reason }),
    ...(expectedRevision === undefined ? {} : { expectedRevision: count(expectedRevision) }),
  }
}
