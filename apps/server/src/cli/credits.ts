import type { Command } from 'commander'
import { CreditAmount } from '@stewrd/core/credits/events.ts'
import { Reason } from '@stewrd/core/kernel/text.ts'
import { creditsNow, grantCredits } from '../credits/service.ts'
import { count, parse } from './input.ts'
import { iso, print, time } from './output.ts'
import { OPERATOR, withPlatform } from './session.ts'

type Flags = { json?: boolean; reason?: string }

/** `credits grant | balance`. */
export function creditsCommands(program: Command): void {
  const credits = program.command('credits').description('what runs cost, where STEWRD_METERING is on')
  credits.command('balance').description('what the account has left').action(balance)
  credits
    .command('grant <amount>')
    .description('give the account credits, which do not expire; it stands in the history')
    .option('--reason <text>', 'why, for the history')
    .action(grant)
}

async function balance(_: Flags, command: Command) {
  const { json = false } = command.optsWithGlobals<Flags>()
  await withPlatform(async (platform) => {
    const { total, free, paid, renewsAt, metering } = await creditsNow(platform)
    print(json, { credits: total, free, granted: paid, free_renew_at: iso(renewsAt), metering }, () => [
      `${total.toLocaleString('en')} credits`,
      `  free     ${free.toLocaleString('en')} until ${time(renewsAt)} UTC`,
      `  granted  ${paid.toLocaleString('en')}, which do not expire`,
      ...(metering ? [] : ['Runs cost nothing while STEWRD_METERING is off.']),
    ])
  })
}

async function grant(given: string, _: Flags, command: Command) {
  const { json = false, reason } = command.optsWithGlobals<Flags>()
  const amount = parse(CreditAmount, count(given))
  const why = reason === undefined ? undefined : parse(Reason, reason)
  await withPlatform(async (platform) => {
    const { total, free, paid } = await grantCredits(platform, { amount, reason: why }, OPERATOR)
    print(json, { granted: amount, credits: total, free, paid }, () => [
      `Granted ${amount.toLocaleString('en')} credits. The account has ${total.toLocaleString('en')}.`,
    ])
  })
}
