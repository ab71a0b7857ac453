import type { Finding } from '@stewrd/db/verify/findings.ts'
import type { Verification } from '@stewrd/db/verify/last.ts'
import type { Command } from 'commander'
import { count as wholeNumber } from './input.ts'
import type { VerifyFileFlags } from './audit-verify-file.ts'
import { verifyFile } from './audit-verify-file.ts'
import { exitCodes, iso, print, progressBar, UsageError } from './output.ts'
import { OPERATOR, withPlatform } from './session.ts'

type Flags = VerifyFileFlags & { json?: boolean; open?: string }

/** `audit verify`: the whole history of the database, or a file that was exported from one. */
export function verifyCommand(audit: Command): void {
  audit
    .command('verify [file]')
    .description('recompute every chain and the whole log, and compare them with what is stored and what was signed')
    .addHelpText(
      'after',
      '\nWith a file (a proof bundle or a receipt), that is checked, with no database, no key and no network.',
    )
    .option('--open <count>', 'about how many events to open with their keys, at random, or "all"; default 20000')
    .option('--key <verifier key>', 'with a file: whose log it must be; from `stewrd audit key`')
    .option('--checkpoint <checkpoint>', 'with a file: a checkpoint that you kept, from which the log must go on')
    .action(verify)
}

async function verify(file: string | undefined, _: Flags, command: Command) {
  const { json = false, open, ...flags } = command.optsWithGlobals<Flags>()
  if (file !== undefined && open !== undefined) throw new UsageError('--open is about the database, not about a file.')
  if (file !== undefined) return verifyFile(file, json, flags)
  if (flags.key ?? flags.checkpoint) throw new UsageError('--key and --checkpoint are about a file: name it.')
  const most = open === undefined ? {} : { open: open === 'all' ? Number.MAX_SAFE_INTEGER : wholeNumber(open) }
  await withPlatform(async ({ verifier }) => {
    const bar = progressBar('Verifying')
    const found = await verifier.verify(OPERATOR, { ...most, onProgress: ({ done, total }) => bar.update(done, total) })
    bar.end()
    print(json, row(found), () => lines(found))
    if (found.wrong > 0) process.exitCode = exitCodes.refused
  })
}

const finding = ({ code, message, index, event }: Finding) => ({
  code,
  message,
  index,
  event: event && { account_id: event.accountId, stream: event.stream, seq: event.seq, type: event.type ?? null },
})

const row = ({ findings, checkpoint, ...v }: Verification) => ({
  ok: v.wrong === 0,
  entries: v.size,
  waiting: v.waiting,
  hashed: v.hashed,
  checkpoint: checkpoint && { size: checkpoint.size, at: iso(checkpoint.at) },
  streams: v.streams,
  opened: v.opened,
  wrong: v.wrong,
  findings: findings.map(finding),
  foreign: { count: v.foreign?.count ?? 0, findings: v.foreign?.findings.map(finding) ?? [] },
  ms: v.ms,
})

const n = (count: number) => count.toLocaleString('en')

function lines(v: Verification): string[] {
  const upTo = v.checkpoint ? `, ${n(v.checkpoint.size)} of them under a signed checkpoint` : ', and no checkpoint yet'
  const looked = `${n(v.size)} events${upTo}; ${n(v.streams)} streams; ${n(v.opened)} values opened; ${v.ms} ms.`
  if (v.wrong === 0) return [`The history is what was recorded. ${looked}`, ...proved, ...foreign(v)]
  const more = v.wrong > v.findings.length ? [`  and ${n(v.wrong - v.findings.length)} more`] : []
  return [
    `The history is NOT what was recorded: ${n(v.wrong)} ${v.wrong === 1 ? 'thing is' : 'things are'} wrong. ${looked}`,
    ...v.findings.map(({ message }) => `  ${message}`),
    ...more,
    ...foreign(v),
    'Keep the database as it is, and compare it with a backup and with the anchors: docs/formats/log.md.',
  ]
}

/** What is as it was recorded, and was recorded under the wrong project. */
function foreign({ foreign: { count, findings } = { count: 0, findings: [] } }: Verification): string[] {
  if (count === 0) return []
  return [
    `  ${n(count)} ${count === 1 ? 'event was' : 'events were'} recorded under another project than the stream's, by a version that allowed it. Nothing was edited: docs/formats/bundle.md, "Events of another project".`,
    ...findings.map(({ message }) => `    ${message}`),
    ...(count > findings.length ? [`    and ${n(count - findings.length)} more`] : []),
  ]
}

const proved = [
  '  Every event follows from its contents and the one before it, each has its place in the log, and the log is the one that was signed.',
  '  What came after the last checkpoint outside the database could have been cut off without a trace.',
]
