import type { Command } from 'commander'
import { createWriteStream } from 'node:fs'
import { rename, unlink } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Bundle, ExportOptions } from '../proof/export.ts'
import { exportProject, placesBetween } from '../proof/export.ts'
import { projectOfRun, runReceipt } from '../proof/receipt.ts'
import { textFile } from './audit-verify-file.ts'
import { moment, projectId, runId as runOf } from './input.ts'
import { print, UsageError } from './output.ts'
import { withPlatform } from './session.ts'

type ExportFlags = {
  json?: boolean
  out: string
  from?: string
  to?: string
  disclose?: string | true
  checkpoint?: string[]
}

/** How long a command waits until what it exports is signed. */
const WAIT_MS = 15_000

/** `audit export` and `audit receipt`: what others check with `audit verify FILE`. */
export function bundleCommands(audit: Command): void {
  audit
    .command('export <project>')
    .description('the history of a project as a file that anybody can check, with no database and no key')
    .requiredOption('--out <file>')
    .option('--from <place>', 'the first place in the log, or a time such as 2026-11-23T14:30:00Z')
    .option('--to <place>', 'the place after the last, or a time')
    .option('--disclose [what]', 'open payloads: "everything", or "configuration": all but what was said in runs')
    .option('--checkpoint <file...>', 'show that the log goes on from these checkpoints, which somebody kept')
    .action(exportBundle)
  audit
    .command('receipt <run>')
    .description('the proof of which provider, model, configuration and key a run used, and when')
    .option('--out <file>', 'default: on standard output')
    .action(receipt)
}

async function receipt(run: string, _: { out?: string }, command: Command) {
  const { json = false, out } = command.optsWithGlobals<{ json?: boolean; out?: string }>()
  if (json && out === undefined) throw new UsageError('The receipt is a file of its own format: name it with --out.')
  const runId = runOf(run)
  await withPlatform(async (platform) => {
    const projectId = await projectOfRun(platform, runId)
    const { text, run: used, checkpoint } = await runReceipt(platform, { projectId, runId, waitMs: WAIT_MS })
    if (out === undefined) return void process.stdout.write(text)
    await write({ text: pieces(text) }, out)
    const { provider, model, keyFingerprint } = used
    const said = { file: out, run_id: runId, project_id: projectId, provider, model, key_fingerprint: keyFingerprint }
    print(json, { ...said, checkpoint_size: checkpoint.size }, () => [
      `${out}: run ${runId} used ${provider}, model ${model}, key ${keyFingerprint ?? 'of the deployment'}; signed at ${checkpoint.size} entries.`,
      'Check it anywhere with: stewrd audit verify FILE --key VERIFIER_KEY (the key: stewrd audit key)',
    ])
  })
}

async function* pieces(text: string) {
  yield text
}

async function exportBundle(id: string, _: ExportFlags, command: Command) {
  const { json = false, out, from, to, disclose, checkpoint = [] } = command.optsWithGlobals<ExportFlags>()
  const project = projectId(id)
  const options = { projectId: project, disclose: disclosure(disclose), waitMs: WAIT_MS }
  const checkpoints = await Promise.all(checkpoint.map(textFile))
  const range = { from: place(from, '--from'), to: place(to, '--to') }
  await withPlatform(async (platform) => {
    const places = await placesBetween(platform, project, range)
    const bundle = await exportProject(platform, { ...options, ...places, checkpoints })
    const events = await write(bundle, out)
    if (bundle.unsigned > 0)
      process.stderr.write(
        `Warning: the last ${bundle.unsigned} entries of the log are not signed yet, and left out.\n`,
      )
    const { from: first, to: end, disclosed } = bundle.head
    if (bundle.unplaced > 0)
      process.stderr.write(`Warning: ${bundle.unplaced} changes have no place in the log yet, and are left out.\n`)
    const said = {
      file: out,
      project_id: project,
      events,
      from: first,
      to: end,
      disclosed,
      unsigned: bundle.unsigned,
      unplaced: bundle.unplaced,
    }
    print(json, said, () => [
      `${out}: ${events} events, from place ${first} to before ${end} of the log.`,
      'Check it anywhere with: stewrd audit verify FILE --key VERIFIER_KEY (the key: stewrd audit key)',
    ])
  })
}

/** A place in the log, or a time. */
function place(given: string | undefined, flag: string) {
  if (given === undefined) return undefined
  return /^\d{1,9}$/.test(given) ? { place: Number(given) } : { time: moment(given, flag) }
}

function disclosure(given: string | true | undefined): ExportOptions['disclose'] {
  if (given === undefined) return 'nothing'
  if (given === true || given === 'everything') return 'everything'
  if (given === 'configuration') return given
  throw new UsageError(`"${given}" cannot be disclosed. Give "configuration", "everything", or nothing for everything.`)
}

/** Writes the file, which has its name once it is whole. Returns the number of events in it. */
async function write({ text }: Pick<Bundle, 'text'>, out: string): Promise<number> {
  let events = 0
  const counted = async function* () {
    for await (const piece of text) {
      if (piece.startsWith('{"event":')) events += 1
      yield piece
    }
  }
  const draft = `${out}.part`
  try {
    await pipeline(Readable.from(counted()), createWriteStream(draft))
    await rename(draft, out)
  } catch (error) {
    await unlink(draft).catch(() => {})
    throw error
  }
  return events
}
