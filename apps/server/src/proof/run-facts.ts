import type { AnyEvent as KnownEvent } from '@stewrd/core/catalog.ts'
import { AnyEvent, readEvent } from '@stewrd/core/catalog.ts'
import type { LlmEvent } from '@stewrd/core/llm/events.ts'
import type { Llm } from '@stewrd/core/llm/llm.ts'
import { llm, llmStream } from '@stewrd/core/llm/llm.ts'
import type { RunConfig, RunStartedData } from '@stewrd/core/runs/events.ts'
import { runStream } from '@stewrd/core/runs/runs.ts'
import { nameOf } from './check-event.ts'
import type { Event } from './format.ts'
import { BundleRefused } from './refused.ts'

/** What a receipt proves that a run used. Times are unix milliseconds by the clock of the installation. */
export type RunFacts = {
  runId: string
  startedAt: number
  startedBy: string
  place: number
  provider: string
  baseUrl: string
  model: string
  keySource: RunStartedData['keySource']
  /** Null where the project had no key of its own. */
  keyFingerprint: string | null
  configRevision: number
  /** The event that brought the key into use; null where there is none of its own. */
  keySetBy: { type: string; revision: number; at: number; actor: string } | null
  /** The old key that it went on with, and when. */
  fallback: { fingerprint: string; at: number } | null
  /** Null: it had not ended when the receipt was made. */
  /** Other configurations that it went on with, after it was at rest. */
  reconfigured: readonly (RunConfig & { at: number })[]
  end: { status: 'completed' | 'failed' | 'cancelled'; at: number } | null
}

type Started = Omit<RunStartedData, 'message' | 'files'>
const bringsKey = ['ProviderSet', 'KeyRotated', 'KeyRolledBack']

/** Reads the facts of a receipt from its events as they are checked, and that configuration and run say the same. */
export class RunFactsReader {
  readonly #runId: string
  readonly #streams: { config: string; run: string }
  #config: { state: Llm; revision: number } = { state: llm.initial, revision: 0 }
  #keySetBy: RunFacts['keySetBy'] = null
  #started: (Started & { at: number; actor: string; place: number }) | undefined
  #fallback: RunFacts['fallback'] = null
  #reconfigured: (RunConfig & { at: number })[] = []
  #end: RunFacts['end'] = null

  constructor(projectId: string, runId: string) {
    this.#runId = runId
    this.#streams = { config: llmStream(projectId), run: runStream(runId) }
  }

  /** Events come in the order of the bundle: the configuration (`llm:`) before the run (`run:`). */
  take(record: Event, at: { line: number }): void {
    const { header, disclosed } = record.event
    const wrong = (problem: string) => new BundleRefused('RECEIPT_WRONG', problem, { ...at, event: nameOf(record) })
    const event = disclosed === null ? undefined : parsed(header, disclosed.payload)
    if (disclosed !== null && !event) throw wrong('its payload is not that of a known event')
    if (header.stream === this.#streams.config) {
      if (!event) throw wrong('a receipt discloses the configuration')
      this.#configured(event as LlmEvent, record, wrong)
    } else if (header.stream === this.#streams.run) this.#ran(event, record, wrong)
    else throw wrong('it has nothing to do with the run')
  }

  #configured(event: LlmEvent, { event: { header } }: Event, wrong: Wrong): void {
    const begins = event.type === 'ProviderSet' || event.type === 'ProviderRemoved'
    if (this.#config.revision === 0 && !begins) throw wrong('the configuration before it is missing')
    this.#config = { state: llm.evolve(this.#config.state, event), revision: header.seq }
    if (bringsKey.includes(event.type))
      this.#keySetBy = { type: event.type, revision: header.seq, at: header.at, actor: header.actor }
  }

  #ran(event: KnownEvent | undefined, { event: { header, index } }: Event, wrong: Wrong): void {
    if (header.seq === 1) {
      if (event?.type !== 'RunStarted') throw wrong('a receipt discloses how the run was started')
      const { message: _, files: __, ...started } = event.data
      this.#started = { ...started, at: header.at, actor: header.actor, place: index }
      const problem = this.#disagreement(this.#started)
      if (problem) throw wrong(problem)
      return
    }
    if (!this.#started) throw wrong('the start of the run is missing')
    if (this.#end) throw wrong('the run had ended')
    if (header.type === 'KeyFellBack') this.#fellBack(event, header.at, wrong)
    if (header.type === 'RunReconfigured') this.#wentOn(event, header.at, wrong)
    const status = endOf[header.type]
    if (!status) return
    if (!event) throw wrong('a receipt discloses how the run ended')
    this.#end = { status, at: header.at }
  }

  /** What the run says of itself is what the configuration was at the revision that it names. */
  #disagreement({
    object,
    keySource,
    configRevision,
    provider,
    baseUrl,
    model,
    keyFingerprint,
  }: Started): string | undefined {
    const { state, revision } = this.#config
    if (revision !== configRevision)
      return `it names revision ${configRevision} of the configuration, which is not here`
    if (keySource !== 'project')
      return state.status === 'default' && keyFingerprint === null
        ? undefined
        : 'it ran on the default model, and the project had its own'
    const same =
      state.status === 'own' &&
      state.provider.provider === provider &&
      state.provider.baseUrl === baseUrl &&
      // Through the OpenAI-compatible door a client may name a model of its own.
      (state.model === model || object === 'chat.completion') &&
      state.key.fingerprint === keyFingerprint
    return same ? undefined : 'it says to have used something else than what was configured'
  }

  #fellBack(event: KnownEvent | undefined, at: number, wrong: Wrong): void {
    if (event?.type !== 'KeyFellBack') throw wrong('a receipt discloses the use of a fallback')
    const { state } = this.#config
    const allowed = state.status === 'own' && state.fallback?.key.fingerprint === event.data.to
    if (!allowed) throw wrong('it fell back to a key that was no fallback')
    this.#fallback = { fingerprint: event.data.to, at }
  }

  #wentOn(event: KnownEvent | undefined, at: number, wrong: Wrong): void {
    if (event?.type !== 'RunReconfigured') throw wrong('a receipt discloses what a run went on with')
    this.#reconfigured.push({ ...event.data, at })
  }

  facts(): RunFacts {
    const started = this.#started
    if (!started) throw new BundleRefused('RECEIPT_WRONG', `the receipt does not have the start of run ${this.#runId}`)
    const { at: startedAt, actor: startedBy, place, provider, baseUrl, model, keySource, keyFingerprint } = started
    return {
      runId: this.#runId,
      startedAt,
      startedBy,
      place,
      provider,
      baseUrl,
      model,
      keySource,
      keyFingerprint,
      configRevision: started.configRevision,
      keySetBy: keySource === 'project' ? this.#keySetBy : null,
      fallback: this.#fallback,
      reconfigured: this.#reconfigured,
      end: this.#end,
    }
  }
}

const endOf: Record<string, 'completed' | 'failed' | 'cancelled'> = {
  RunCompleted: 'completed',
  RunFailed: 'failed',
  RunCancelled: 'cancelled',
}

type Wrong = (problem: string) => BundleRefused

/** In its newest version; undefined for what no event looks like, as the file may be from anybody. */
function parsed({ type, version }: { type: string; version: number }, payload: string): KnownEvent | undefined {
  try {
    const event = readEvent({ type, version, data: JSON.parse(payload) as unknown })
    const { success, data } = AnyEvent.safeParse(event)
    return success ? data : undefined
  } catch {
    return undefined
  }
}
