import type { Command } from 'commander'
import {
  ActivateKeyInput,
  RestoreInput,
  RotateKeyInput,
  RotationStepInput,
  StageKeyInput,
} from '@stewrd/core/llm/input.ts'
import { restoreConfig } from '../llm/restore.ts'
import { activateKey, endOverlap, rollBackKey, rotateKey, stageKey, unstageKey } from '../llm/rotation.ts'
import { count, minutes, parse, secretFromStdin } from './input.ts'
import type { ChangeFlags } from './llm-change.ts'
import { changeOf, report } from './llm-change.ts'
import { print, time } from './output.ts'
import { OPERATOR, withPlatform } from './session.ts'

type OverlapFlags = ChangeFlags & { overlap?: string }
type RestoreFlags = ChangeFlags & { revision: string }

/** `llm rotate`, and its steps one by one: `stage | activate | unstage | rollback | end-overlap | restore`. */
export function rotationSteps(llm: Command): void {
  const change = (line: string, what: string) =>
    llm
      .command(line)
      .description(what)
      .option('--reason <text>', 'why, for the audit history')
      .option('--expected-revision <n>', 'refuse unless it is at this revision')
  const overlapping = (line: string, what: string) =>
    change(line, what).option(
      '--overlap <time>',
      'keep the old key so long as a fallback, such as 30m or 1h; at most 24h; default: none',
    )
  overlapping('rotate <project>', 'replace the key (the new one on standard input); it is verified first').action(
    rotate,
  )
  change('stage <project>', 'verify a key (on standard input) and keep it ready; no run uses it yet').action(stage)
  overlapping('activate <project>', 'verify the staged key again, and put it into use').action(activate)
  change('unstage <project>', 'give the staged key up; its value is destroyed').action(step(unstageKey))
  change('rollback <project>', 'within the overlap: back to the old key').action(step(rollBackKey))
  change('end-overlap <project>', "end the overlap now; the old key's value is destroyed").action(step(endOverlap))
  change('restore <project>', 'back to an earlier revision, as new events')
    .requiredOption('--revision <n>', 'after this many changes')
    .action(restore)
}

const overlapOf = ({ overlap }: OverlapFlags) => (overlap === undefined ? {} : { overlapMinutes: minutes(overlap) })

async function rotate(id: string, _: OverlapFlags, command: Command) {
  const flags = command.optsWithGlobals<OverlapFlags>()
  const change = { ...changeOf(id, flags), ...overlapOf(flags) }
  const key = await secretFromStdin('the new provider key')
  const input = parse(RotateKeyInput, { ...change, key: key.reveal() })
  await withPlatform(async (platform) => report(flags.json, await rotateKey(platform, input, OPERATOR)))
}

async function stage(id: string, _: ChangeFlags, command: Command) {
  const flags = command.optsWithGlobals<ChangeFlags>()
  const change = changeOf(id, flags)
  const key = await secretFromStdin('the provider key')
  const input = parse(StageKeyInput, { ...change, key: key.reveal() })
  await withPlatform(async (platform) => report(flags.json, await stageKey(platform, input, OPERATOR)))
}

async function activate(id: string, _: OverlapFlags, command: Command) {
  const flags = command.optsWithGlobals<OverlapFlags>()
  const input = parse(ActivateKeyInput, { ...changeOf(id, flags), ...overlapOf(flags) })
  await withPlatform(async (platform) => report(flags.json, await activateKey(platform, input, OPERATOR)))
}

const step = (change: typeof rollBackKey) => async (id: string, _: ChangeFlags, command: Command) => {
  const flags = command.optsWithGlobals<ChangeFlags>()
  const input = parse(RotationStepInput, changeOf(id, flags))
  await withPlatform(async (platform) => report(flags.json, await change(platform, input, OPERATOR)))
}

async function restore(id: string, _: RestoreFlags, command: Command) {
  const { revision: then, ...flags } = command.optsWithGlobals<RestoreFlags>()
  const input = parse(RestoreInput, { ...changeOf(id, flags), revision: count(then) })
  await withPlatform(async (platform) => {
    const { revision, llm, key, fingerprint } = await restoreConfig(platform, input, OPERATOR)
    const said = {
      same: 'The key of then is in use already.',
      restored: 'The key of then is in use again.',
      destroyed: `The key of then (${fingerprint}) was destroyed after it was replaced: the key in use stays.`,
    }
    print(
      flags.json ?? false,
      { revision, health: llm.health.status, model: llm.model, key, key_fingerprint: llm.keyFingerprint },
      () => [`Now at revision ${revision} (${time(llm.changedAt)} UTC), model ${llm.model}.`, said[key]],
    )
  })
}
