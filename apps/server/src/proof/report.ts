import type { ForeignName, ForeignNames } from './bundle-streams.ts'
import type { BundleFacts } from './checker.ts'
import { printable } from './refused.ts'
import type { RunFacts } from './run-facts.ts'

/** What a verified bundle proves, and what it does not: one sentence each, safe to print. */
export type BundleReport = { proved: string[]; notProved: string[] }

export function bundleReport(facts: BundleFacts): BundleReport {
  return { proved: proved(facts).map(printable), notProved: notProved(facts).map(printable) }
}

const n = (count: number) => count.toLocaleString('en')
const events = (count: number) => (count === 1 ? 'event' : 'events')
const iso = (ms: number) => new Date(ms).toISOString()
const list = new Intl.ListFormat('en')

function proved(facts: BundleFacts): string[] {
  const { head, checkpoints } = facts
  const sizes = checkpoints.map(({ size }) => n(size))
  return [
    `The file is as ${facts.keyGiven ? head.origin : 'whoever holds the key in it'} exported it: nothing was changed, added or left out since.`,
    ...(facts.events > 0
      ? [
          `${n(facts.events)} ${events(facts.events)} of ${n(facts.streams)} ${facts.streams === 1 ? 'stream' : 'streams'}, each with its type, time and actor, ${facts.events === 1 ? 'stands' : 'stand'} in the log that was signed at ${sizes.at(-1)} entries, between places ${n(facts.firstPlace ?? 0)} and ${n(facts.lastPlace ?? 0)}.`,
          facts.partial === 0
            ? 'No event is missing inside a stream, and each stream is here from its first event.'
            : `No event is missing inside a stream; ${n(facts.partial)} ${facts.partial === 1 ? 'begins' : 'begin'} before this file.`,
        ]
      : ['The signed log; the file has no event.']),
    ...foreignSentences(facts),
    ...(sizes.length > 1 ? [`The log only grew between the checkpoints of ${list.format(sizes)} entries.`] : []),
    ...(facts.outside === null
      ? []
      : [`The log goes on from the checkpoint of ${n(facts.outside)} entries that you gave.`]),
    ...(facts.disclosed > 0
      ? [
          `${n(facts.disclosed)} of ${n(facts.events)} payloads are shown, and each is the one that was committed to when its event was recorded.`,
        ]
      : []),
    ...(facts.run ? runSentences(facts.run) : []),
  ]
}

/** An event that one project's command left in another project's stream. */
function foreignSentences({ foreign, elsewhere }: BundleFacts): string[] {
  const named = ({ count, first }: ForeignNames, of: (name: ForeignName) => string) => {
    const names = first.map(
      (name) => `event ${name.seq} of ${name.stream} (${name.type}, place ${n(name.index)}, ${of(name)})`,
    )
    return list.format([...names, ...(count > first.length ? [`${n(count - first.length)} more`] : [])])
  }
  return [
    ...(foreign.count > 0
      ? [
          `In streams of this project stand events that were recorded under another one. Each is proved as such, and changes nothing of this project: ${named(foreign, ({ projectId }) => `project ${projectId}`)}.`,
        ]
      : []),
    ...(elsewhere.count > 0
      ? [
          `Recorded under this project, but in a stream of another one, whose first event is here and whose other events are not: ${named(elsewhere, ({ projectId }) => `stream of project ${projectId}`)}.`,
        ]
      : []),
  ]
}

function runSentences(run: RunFacts): string[] {
  const key =
    run.keyFingerprint === null
      ? `no key of the project (${run.keySource === 'demo' ? 'the demo model' : 'the model of the deployment'})`
      : `the key ${run.keyFingerprint}`
  const set = run.keySetBy
  return [
    `Run ${run.runId} was started at ${iso(run.startedAt)} by ${run.startedBy}, at place ${n(run.place)} of the log.`,
    `It used ${run.provider} at ${run.baseUrl}, model ${run.model}, ${key}: revision ${n(run.configRevision)} of the configuration.`,
    ...(set
      ? [`That key came into use at ${iso(set.at)} by ${set.actor} (${set.type}, revision ${n(set.revision)}).`]
      : []),
    ...(run.fallback
      ? [
          `At ${iso(run.fallback.at)} it went on with the key ${run.fallback.fingerprint}, the fallback, as the provider answered 401 to the first.`,
        ]
      : []),
    ...run.reconfigured.map(
      ({ at, provider, model, keyFingerprint, configRevision }) =>
        `At ${iso(at)} it went on with ${provider}, model ${model}, key ${keyFingerprint ?? 'none of its own'}: revision ${n(configRevision)}.`,
    ),
    run.end
      ? `It ${run.end.status === 'cancelled' ? 'was cancelled' : run.end.status} at ${iso(run.end.at)}.`
      : 'It had not ended when the receipt was made.',
  ]
}

function notProved(facts: BundleFacts): string[] {
  const { head, checkpoints } = facts
  const sealed = facts.events - facts.disclosed
  return [
    ...(facts.keyGiven
      ? []
      : [
          'Whose log it is: the verifier key stands in the file itself. Get it from whoever runs the installation, and give it with --key.',
        ]),
    `What happened after entry ${n(checkpoints.at(-1)?.size ?? 0)} of the log: an end that nobody else has a checkpoint of can be cut off.`,
    ...(facts.outside === null
      ? ['That everybody was shown the same log: compare with a checkpoint that you or others kept, with --checkpoint.']
      : []),
    head.run_id === null
      ? 'That the installation exported every stream of the project, and anything about other projects.'
      : 'Anything about other runs and projects.',
    ...(sealed > 0 ? [`What ${n(sealed)} sealed ${sealed === 1 ? 'payload says' : 'payloads say'}.`] : []),
    'That times are right: they are those of the clock of the installation. The order in the log does not depend on it.',
    ...(facts.run ? ['What the provider did with the call: the run is proved as the installation recorded it.'] : []),
  ]
}
