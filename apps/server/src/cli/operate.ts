import type { Command } from 'commander'
import { views } from '@stewrd/core/catalog.ts'
import { replayView } from '@stewrd/db/replay.ts'
import { OwnerInput } from '../setup/router.ts'
import { diagnose } from '../system/doctor.ts'
import { secretFromStdin } from './input.ts'
import { exitCodes, print, progressBar, UsageError } from './output.ts'
import { withPlatform } from './session.ts'

type Flags = { json?: boolean }
type OwnerFlags = Flags & { email: string; name?: string }

/** `owner create`, `replay` and `doctor`. */
export function operateCommands(program: Command): void {
  program
    .command('owner')
    .description('the account that everything belongs to')
    .command('create')
    .description('make the owner account (its password on standard input)')
    .requiredOption('--email <email>')
    .option('--name <name>', 'as history shows it; default: the e-mail address')
    .action(createOwner)
  const names = views.map((v) => v.projection.name).join(', ')
  program
    .command('replay <view>')
    .description(`rebuild a view from the events, beside the live one: ${names}`)
    .action(replay)
  program.command('doctor').description('what is wrong, and how to mend it').action(doctor)
}

async function createOwner(_: OwnerFlags, command: Command) {
  const { json = false, email, name } = command.optsWithGlobals<OwnerFlags>()
  const password = await secretFromStdin('the password')
  const parsed = OwnerInput.safeParse({ email, name: name ?? email, password: password.reveal() })
  if (!parsed.success) throw new UsageError(parsed.error.issues[0]!.message)
  await withPlatform(async (platform) => {
    const { userId } = await platform.createOwner({ name: parsed.data.name, email: parsed.data.email, password })
    print(json, { user_id: userId }, () => `Owner ${email} made. Sign in with it at the dashboard.`)
  })
}

async function replay(name: string, _: Flags, command: Command) {
  const { json = false } = command.optsWithGlobals<Flags>()
  if (!views.some((v) => v.projection.name === name))
    throw new UsageError(`There is no view "${name}". Views: ${views.map((v) => v.projection.name).join(', ')}.`)
  await withPlatform(async (platform) => {
    const bar = progressBar(`Replaying ${name}`)
    const result = await replayView(platform.replay, name, { onProgress: ({ done, total }) => bar.update(done, total) })
    bar.end()
    const { view, events, logged, leftOut, digest, liveDigest, equal, switched, ms } = result
    const counts = { events, logged, left_out: leftOut }
    print(json, { view, ...counts, digest, live_digest: liveDigest, equal, switched, ms }, () => [
      `${view}: ${events.toLocaleString('en')} events in ${ms} ms`,
      `  rebuilt  ${digest}`,
      `  live     ${liveDigest}`,
      equal ? '  They are equal.' : '  They differ: the live view was kept. Run `stewrd doctor`.',
      ...(leftOut === 0
        ? []
        : [
            `  ${leftOut} of ${logged} events of the log are not in it. \`stewrd doctor\` shows the rows that were set aside.`,
          ]),
    ])
    if (!equal || leftOut > 0) process.exitCode = exitCodes.refused
  })
}

async function doctor(_: Flags, command: Command) {
  const { json = false } = command.optsWithGlobals<Flags>()
  const checks = await diagnose()
  const ok = checks.every((c) => c.ok)
  print(json, { ok, checks }, () =>
    checks.flatMap((c) => [`${c.ok ? 'ok  ' : 'BAD '} ${c.check}: ${c.found}`, ...(c.mend ? [`     ${c.mend}`] : [])]),
  )
  if (!ok) process.exitCode = exitCodes.refused
}
