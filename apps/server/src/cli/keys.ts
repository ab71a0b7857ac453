import { nameOfKek } from '@stewrd/crypto/keyring.ts'
import type { Command } from 'commander'
import { projectOf } from '../projects/project-of.ts'
import { rotateData } from '../keys/rotate-data.ts'
import { rotateMaster } from '../keys/rotate-master.ts'
import type { MasterKeyRow } from '../keys/service.ts'
import { addKey, listKeys, retireKey } from '../keys/service.ts'
import { projectId } from './input.ts'
import { iso, print, progressBar, time } from './output.ts'
import { OPERATOR, withPlatform } from './session.ts'

type Flags = { json?: boolean }

/** `keys list | add | rotate-master | retire | rotate-data`. */
export function keysCommands(program: Command): void {
  const keys = program.command('keys').description('master keys, and the data keys under them')
  keys.command('list').description('every master key, and what depends on it').action(list)
  keys.command('add').description('make a master key to rotate to').action(add)
  keys
    .command('rotate-master')
    .description('move every data key to another master key, while servers run')
    .option('--to <key>', 'a key of `keys list`; default: a new one')
    .action(rotate)
  keys.command('retire <key>').description('destroy a master key that nothing depends on').action(retire)
  keys.command('rotate-data <project>').description('new data keys for what a project seals from now on').action(data)
}

async function list(_: Flags, command: Command) {
  const { json = false } = command.optsWithGlobals<Flags>()
  await withPlatform(async (platform) => {
    const { keys, rotation } = await listKeys(platform)
    for (const key of keys) print(json, wireOf(key), () => lineOf(key))
    if (rotation && !json) process.stderr.write(`A rotation to ${rotation.to.id} is under way.\n`)
  })
}

const wireOf = ({ id, version, state, provider, place, values, projects, firstUsedAt, problem }: MasterKeyRow) => ({
  key: nameOfKek({ id, version }),
  state,
  provider,
  place,
  values,
  projects,
  first_used_at: iso(firstUsedAt),
  problem,
})

const lineOf = (key: MasterKeyRow) =>
  `${nameOfKek(key)}  ${key.state}  ${key.values} ${key.values === 1 ? 'value' : 'values'} of ${key.projects} ${key.projects === 1 ? 'project' : 'projects'}  since ${time(key.firstUsedAt)}  ${
    key.problem ?? key.place ?? 'in no keyring'
  }`

async function add(_: Flags, command: Command) {
  const { json = false } = command.optsWithGlobals<Flags>()
  await withPlatform(async (platform) => {
    const key = await addKey(platform, OPERATOR)
    print(
      json,
      { key: nameOfKek(key) },
      () => `Master key ${nameOfKek(key)} made. Rotate to it: stewrd keys rotate-master`,
    )
  })
}

async function rotate(_: Flags, command: Command) {
  const { json = false, to } = command.optsWithGlobals<Flags & { to?: string }>()
  await withPlatform(async (platform) => {
    const bar = progressBar('Rotating')
    const onProgress = ({ done, total }: { done: number; total: number }) => bar.update(done, total)
    const done = await rotateMaster(platform, { actor: OPERATOR, onProgress, ...(to !== undefined && { to }) }).finally(
      () => bar.end(),
    )
    const { values, left } = done
    const from = done.from.map(nameOfKek)
    print(json, { from, to: nameOfKek(done.to), values, left }, () => [
      `${values.toLocaleString('en')} values are under ${nameOfKek(done.to)}.`,
      ...from.map((key) => `0 values left under key ${key}. Destroy it: stewrd keys retire ${key}`),
    ])
  })
}

async function retire(name: string, _: Flags, command: Command) {
  const { json = false } = command.optsWithGlobals<Flags>()
  await withPlatform(async (platform) => {
    const { key, destroyed } = await retireKey(platform, name, OPERATOR)
    print(json, { key: nameOfKek(key), destroyed }, () =>
      destroyed
        ? `${nameOfKek(key)} is retired and destroyed. Copies of the keyring still hold it: destroy those too.`
        : `${nameOfKek(key)} is retired. Destroy it in its provider.`,
    )
  })
}

async function data(project: string, _: Flags, command: Command) {
  const { json = false } = command.optsWithGlobals<Flags>()
  const id = projectId(project)
  await withPlatform(async (platform) => {
    await projectOf(platform, id)
    const { event, secret } = await rotateData(platform, id, { actor: OPERATOR })
    print(json, { project_id: id, event_epoch: event, secret_epoch: secret }, () => [
      `Project ${id} seals with new data keys: events from epoch ${event}, secrets from epoch ${secret}.`,
    ])
  })
}
