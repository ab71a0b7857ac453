import { resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { machineTime } from '@stewrd/db/clock.ts'
import type { Command } from 'commander'
import { backUp } from '../backup/backup.ts'
import type { Drilled } from '../backup/drill.ts'
import { drill } from '../backup/drill.ts'
import { withDatabase, withEmptyHome } from '../backup/places.ts'
import type { Restored } from '../backup/restore.ts'
import { restore } from '../backup/restore.ts'
import type { SenderPolicy } from '../backup/sender.ts'
import { signerOf } from '../backup/sender.ts'
import { readEnv } from '../env.ts'
import { version } from '../platform.ts'
import { exitCodes, iso, print, progressBar, time } from './output.ts'
import type { OpenFlags, SealFlags } from './passphrase.ts'
import { openWith, sealTo } from './passphrase.ts'

type BackupFlags = SealFlags & { json?: boolean; includeMasterKey?: boolean; unsigned?: boolean }
type RestoreFlags = OpenFlags & { json?: boolean; drill?: boolean } & Omit<SenderPolicy, 'ask'>

/** `backup` and `restore`. */
export function backupCommands(program: Command): void {
  const several = (one: string, all: string[] = []) => [...all, one]
  program
    .command('backup <file>')
    .description('all of the deployment as it is now, sealed into a file; servers go on meanwhile')
    .option('--recipient <age1…>', 'seal it to an age recipient; may be repeated', several)
    .option(
      '--passphrase-file <file>',
      'seal it to the passphrase in a file; default: STEWRD_BACKUP_PASSPHRASE, or asked',
    )
    .option(
      '--include-master-key',
      'the master keys in keyring files too: whoever opens the backup then reads everything',
    )
    .option('--unsigned', 'without the signature of this deployment, which needs its keyring')
    .action(backup)
  program
    .command('restore <file>')
    .description('a backup into an empty database and home')
    .option('--drill', 'into a scratch database, which is verified and removed again')
    .option('--identity <file>', 'the age identity that a recipient of the backup belongs to')
    .option('--passphrase-file <file>', 'the passphrase; default: STEWRD_BACKUP_PASSPHRASE, or asked')
    .option('--sender <key>', 'the verifier key of the deployment that must have made it: see `audit key`')
    .option('--any-sender', 'also the backup of another deployment, without asking')
    .option('--allow-unsigned', 'also one without a signature, or with a wrong one')
    .action(restored)
}

async function backup(file: string, _: BackupFlags, command: Command) {
  const {
    json = false,
    includeMasterKey: withMasterKey = false,
    unsigned = false,
    ...flags
  } = command.optsWithGlobals<BackupFlags>()
  const env = readEnv()
  const to = await sealTo(flags)
  const bar = progressBar('Backing up')
  const onProgress = (done: number, total: number) => bar.update(done, total)
  const options = { file: resolve(file), to, withMasterKey, version, onProgress }
  const done = await withDatabase(env, async (url) => {
    const signer = unsigned ? undefined : await signerOf(url, env)
    return backUp({ url, env }, { ...options, signer })
  }).finally(() => bar.end())
  const { takenAt, tables, rows, files, entries, bytes, sender } = done
  const row = {
    file,
    taken_at: iso(takenAt),
    entries,
    tables,
    rows,
    files,
    bytes,
    with_master_key: withMasterKey,
    sender,
  }
  print(json, row, () => [
    `${file}: everything as it was at ${time(takenAt)}. ${n(entries)} events in the log, ${n(rows)} rows of ${n(tables)} tables, ${n(files)} files; ${n(bytes)} bytes.`,
    sender === null ? 'It is not signed: a restore asks whether it is wanted.' : `Signed by ${sender}.`,
    withMasterKey
      ? 'It holds the master key: whoever opens it reads everything. Keep it as you would keep the keyring.'
      : 'It does not hold the master key: keep the keyring in another place. Try it: stewrd restore --drill FILE',
  ])
}

async function restored(file: string, _: RestoreFlags, command: Command) {
  const {
    json = false,
    drill: rehearse = false,
    sender,
    anySender,
    allowUnsigned,
    ...flags
  } = command.optsWithGlobals<RestoreFlags>()
  const env = readEnv()
  const key = await openWith(flags)
  const steps = stepBars()
  const options = { file: resolve(file), key, onProgress: steps.update }
  const ask = process.stdin.isTTY ? (finding: string) => confirmed(finding, steps.end) : undefined
  if (rehearse) {
    const done = await drill(env, options).finally(steps.end)
    print(json, drillRow(done), () => drillLines(done))
    if (done.verified.wrong > 0) process.exitCode = exitCodes.refused
    return
  }
  const done = await withEmptyHome(env, (into) =>
    restore(into, { ...options, senders: { sender, anySender, allowUnsigned, ask } }),
  ).finally(steps.end)
  print(json, restoreRow(done), () => [
    `Restored: everything as it was at ${at(done)}. ${what(done)}.`,
    senderLine(done),
    'The keyring opens it. Start the server, and run `stewrd audit verify`.',
  ])
}

const labels = { checking: 'Checking the file', restoring: 'Restoring', verifying: 'Verifying' } as const

/** One bar after the other. */
function stepBars() {
  const bars: Partial<Record<keyof typeof labels, ReturnType<typeof progressBar>>> = {}
  return {
    update: (step: keyof typeof labels, done: number, total: number) =>
      (bars[step] ??= progressBar(labels[step])).update(done, total),
    end: () => Object.values(bars).at(-1)?.end(),
  }
}

const restoreRow = ({ header, proof, files, keptFiles, migrated }: Restored) => ({
  taken_at: header.taken_at,
  entries: header.log.size,
  tables: header.tables.length,
  rows: rowsOf(header.tables),
  files,
  kept_files: keptFiles,
  with_master_key: header.with_master_key,
  migrated,
  sender: header.sender?.name ?? null,
  sender_proof: proof,
})

const drillRow = ({ restored: done, restoreMs, verified, ms }: Drilled) => ({
  ok: verified.wrong === 0,
  ...restoreRow(done),
  age_seconds: ageOf(done),
  checkpoint: verified.checkpoint && { size: verified.checkpoint.size, at: iso(verified.checkpoint.at) },
  after_checkpoint: verified.size + verified.waiting - (verified.checkpoint?.size ?? 0),
  opened: verified.opened,
  streams: verified.streams,
  wrong: verified.wrong,
  findings: verified.findings.map(({ code, message }) => ({ code, message })),
  restore_ms: restoreMs,
  ms,
})

function drillLines({ restored: done, restoreMs, verified, ms }: Drilled): string[] {
  const { checkpoint, size, waiting, streams, opened, wrong, findings } = verified
  return [
    wrong === 0
      ? 'The backup can be restored, the keyring opens it, and its history is what was recorded.'
      : `The backup can be restored, but ${n(wrong)} ${wrong === 1 ? 'thing is' : 'things are'} wrong with its history:`,
    ...findings.map(({ message }) => `  ${message}`),
    `  Sender     ${senderLine(done)}`,
    `  Restored   ${what(done)}, in ${restoreMs} ms.`,
    `  Verified   ${n(size)} events, ${n(streams)} streams, ${n(opened)} values opened, in ${ms - restoreMs} ms.`,
    `  As of      ${at(done)}: a loss now would cost the last ${n(ageOf(done))} seconds.`,
    checkpoint
      ? `  Signed     up to event ${n(checkpoint.size)}, at ${time(checkpoint.at)}; ${n(size + waiting - checkpoint.size)} events after it.`
      : '  Signed     nothing yet.',
    '  The scratch database is removed.',
  ]
}

const proofs = {
  keyring: 'as this keyring proves',
  checkpoint: 'as a checkpoint here proves',
  given: 'as you said',
  accepted: 'which nothing here proves',
}
const senderLine = ({ header: { sender }, proof }: Restored) =>
  sender && proof ? `Made by ${sender.name}, ${proofs[proof]}.` : 'It is not signed: nobody can tell who made it.'

/** At the terminal. */
async function confirmed(finding: string, before: () => void): Promise<boolean> {
  before()
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await terminal.question(`${finding} Restore it? [y/N] `)).trim())
  } finally {
    terminal.close()
  }
}

const n = (count: number) => count.toLocaleString('en')
const at = ({ header }: Restored) => time(Date.parse(header.taken_at))
const ageOf = ({ header }: Restored) => Math.max(0, Math.round((machineTime() - Date.parse(header.taken_at)) / 1000))
const rowsOf = (tables: readonly { rows: number }[]) => tables.reduce((sum, { rows }) => sum + rows, 0)
const what = ({ header, files }: Restored) =>
  `${n(header.log.size)} events in the log, ${n(rowsOf(header.tables))} rows of ${n(header.tables.length)} tables, ${n(files)} files`
