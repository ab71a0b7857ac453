import type { Verification } from '@stewrd/db/verify/last.ts'
import type { Command } from 'commander'
import { count as wholeNumber } from './input.ts'
import { exitCodes, iso, print, progressBar } from './output.ts'
import { OPERATOR, withPlatform } from './session.ts'

type Flags = { json?: boolean; open?: string }

/** `audit verify`: the whole history of the database. */
export function verifyCommand(audit: Command): void {
  audit
    .command('verify')
    .description('recompute every chain and the whole log, and compare them with what is stored and what was signed')
    .option('--open <count>', 'about how many events to open with their keys, at random, or "all"; default 20000')
    .action(verify)
}

async function verify(_: Flags, command: Command) {
  const { json = false, open } = command.optsWithGlobals<Flags>()
  const most = open === undefined ? {} : { open: open === 'all' ? Number.MAX_SAFE_INTEGER : wholeNumber(open) }
  await withPlatform(async ({ verifier }) => {
    const bar = progressBar('Verifying')
    const found = await verifier.verify(OPERATOR, { ...most, onProgress: ({ done, total }) => bar.update(done, total) })
    bar.end()
    print(json, row(found), () => lines(found))
    if (found.wrong > 0) process.exitCode = exitCodes.refused
  })
}

const row = ({ findings, checkpoint, ...v }: Verification) => ({
  ok: v.wrong === 0,
  entries: v.size,
  waiting: v.waiting,
  hashed: v.hashed,
  checkpoint: checkpoint && { size: checkpoint.size, at: iso(checkpoint.at) },
  streams: v.streams,
  opened: v.opened,
  wrong: v.wrong,
  findings: findings.map(({ code, message, index, event }) => ({
    code,
    message,
    index,
    event: event && { account_id: event.accountId, stream: event.stream, seq: event.seq, type: event.type ?? null },
  })),
  ms: v.ms,
})

const n = (count: number) => count.toLocaleString('en')

function lines(v: Verification): string[] {
  const upTo = v.checkpoint ? `, ${n(v.checkpoint.size)} of them under a signed checkpoint` : ', and no checkpoint yet'
  const looked = `${n(v.size)} events${upTo}; ${n(v.streams)} streams; ${n(v.opened)} values opened; ${v.ms} ms.`
  if (v.wrong === 0) return [`The history is what was recorded. ${looked}`, ...proved]
  const more = v.wrong > v.findings.length ? [`  and ${n(v.wrong - v.findings.length)} more`] : []
  return [
    `The history is NOT what was recorded: ${n(v.wrong)} ${v.wrong === 1 ? 'thing is' : 'things are'} wrong. ${looked}`,
    ...v.findings.map(({ message }) => `  ${message}`),
    ...more,
    'Keep the database as it is, and compare it with a backup and with the anchors: docs/formats/log.md.',
  ]
}

const proved = [
  '  Every event follows from its contents and the one before it, each has its place in the log, and the log is the one that was signed.',
  '  What came after the last checkpoint outside the database could have been cut off without a trace.',
]
