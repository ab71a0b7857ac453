import type { Command } from 'commander'
import { CreditAmount } from '@stewrd/core/credits/events.ts'
import { Reason, Reference } from '@stewrd/core/kernel/text.ts'
import { creditsNow, grantCredits, purchaseCredits } from '../credits/service.ts'
import { count, parse } from './input.ts'
import { iso, print, time } from './output.ts'
import { OPERATOR, withPlatform } from './session.ts'

type Flags = { json?: boolean; reason?: string; reference?: string }

/** `credits grant | purchase | balance`. */
export function creditsCommands(program: Command): void {
  const credits = program.command('credits').description('what runs cost, where STEWRD_METERING is on')
  credits.command('balance').description('what the account has left').action(balance)
  credits
    .command('grant <amount>')
    .description('give the account credits, which do not expire; it stands in the history')
    .option('--reason <text>', 'why, for the history')
    .action(grant)
  credits
    .command('purchase <amount>')
    .description('book credits that the account paid for, which do not expire; it stands in the history')
    .requiredOption('--reference <text>', 'what the payment is known by, such as an invoice number: it is booked once')
    .action(purchase)
}

async function balance(_: Flags, command: Command) {
  const { json = false } = command.optsWithGlobals<Flags>()
  await withPlatform(async (platform) => {
    const { total, free, paid, renewsAt, metering } = await creditsNow(platform)
    print(json, { credits: total, free, granted: paid, free_renew_at: iso(renewsAt), metering }, () => [
      `${total.toLocaleString('en')} credits`,
      `  free     ${free.toLocaleString('en')} until ${time(renewsAt)} UTC`,
      `  paid     ${paid.toLocaleString('en')} granted or bought, which do not expire`,
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

async function purchase(given: string, _: Flags, command: Command) {
  const { json = false, reference: text } = command.optsWithGlobals<Flags>()
  const [amount, reference] = [parse(CreditAmount, count(given)), parse(Reference, text)]
  await withPlatform(async (platform) => {
    const { total, free, paid, repeated } = await purchaseCredits(platform, { amount, reference }, OPERATOR)
    print(json, { purchased: repeated ? 0 : amount, repeated, credits: total, free, paid }, () => [
      repeated
        ? `${reference} was booked before: nothing changed. The account has ${total.toLocaleString('en')} credits.`
        : `Booked ${amount.toLocaleString('en')} credits. The account has ${total.toLocaleString('en')}.`,
    ])
  })
}
