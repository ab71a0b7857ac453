import type { Command } from 'commander'
import { ChangeModelInput, RemoveProviderInput, SetProviderInput } from '@stewrd/core/llm/input.ts'
import { providerIds } from '@stewrd/core/llm/providers.ts'
import { configAt } from '../audit/config-at.ts'
import { listModels } from '../llm/check.ts'
import { currentLlm } from '../llm/current.ts'
import { changeModel, removeProvider, setProvider } from '../llm/service.ts'
import type { Platform } from '../platform.ts'
import { projectOf } from '../projects/project-of.ts'
import { count, moment, parse, projectId, secretFromStdin } from './input.ts'
import type { ChangeFlags } from './llm-change.ts'
import { changeOf, report } from './llm-change.ts'
import { rotationSteps } from './llm-rotation.ts'
import { iso, print, UsageError } from './output.ts'
import { OPERATOR, withPlatform } from './session.ts'

type Flags = ChangeFlags
type SetFlags = Flags & { provider: string; model: string; baseUrl?: string }
type ShowFlags = Flags & { at?: string; revision?: string }

/** `llm set | model | remove | show`, and the steps of a rotation. Keys are read from standard input. */
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
  rotationSteps(llm)
  change('model <project> <model>', 'change the model').action(model)
  change('remove <project>', 'remove provider and key').action(remove)
  llm
    .command('show <project>')
    .description('the configuration now, or at a time or revision')
    .option('--at <time>', 'such as 2026-11-23T14:30:00Z or 2026-11-23T15:30:00+01:00; without an offset UTC')
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

async function model(id: string, to: string, _: Flags, command: Command) {
  const flags = command.optsWithGlobals<Flags>()
  const input = parse(ChangeModelInput, { ...changeOf(id, flags), model: to })
  await withPlatform(async (platform) => {
    report(flags.json, await changeModel(platform, input, OPERATOR))
    await warnIfUnlisted(platform, input)
  })
}

/** Any model may be set: a provider can know more than it lists. What cannot be asked is no fault of a change that is made. */
async function warnIfUnlisted(platform: Platform, { projectId: id, model: to }: { projectId: string; model: string }) {
  const listed = await listModels(platform, { projectId: id }).catch(() => undefined)
  if (listed?.source !== 'provider' || listed.models.some((m) => m.model === to)) return
  process.stderr.write(
    `Warning: the provider does not list the model ${to}. If it does not know it, runs fail with model_not_found.\n`,
  )
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
      at !== undefined
        ? { time: moment(at, '--at') }
        : revision !== undefined
          ? { revision: count(revision) }
          : undefined
    const shown = then ? past(await configAt(platform, project, then)) : now(await currentLlm(platform, project))
    print(json, shown, () => Object.entries(shown).map(([name, value]) => `${name.padEnd(22)}${value ?? '–'}`))
  })
}

type Shown = Record<'provider' | 'base_url' | 'model' | 'key_fingerprint' | 'changed_at' | 'health', string | null> & {
  staged_fingerprint?: string | null
  fallback_fingerprint?: string | null
  fallback_until?: string | null
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
  staged_fingerprint: llm.staged?.fingerprint ?? null,
  fallback_fingerprint: llm.fallback?.fingerprint ?? null,
  fallback_until: iso(llm.fallback?.until ?? null),
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
