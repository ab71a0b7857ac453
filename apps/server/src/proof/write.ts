import { createHash } from 'node:crypto'
import type { Disclosure, EventHeader } from '@stewrd/crypto/envelope.ts'
import type { BundleRecord, Checkpoint, Event, Head } from './format.ts'
import { base64, encode } from './format.ts'
import { readme } from './readme.ts'

/** An event with its proof, before it is spelled. `previous` is the chain before it. */
export type ProvedEvent = {
  index: number
  header: EventHeader
  envelope: Uint8Array
  previous: Uint8Array
  proof: readonly Uint8Array[]
  disclosed: Disclosure | undefined
}
export type BundleSource = {
  head: Head
  checkpoints: readonly Checkpoint[]
  /** By stream (in the order of its bytes) and seq. */
  events: AsyncIterable<Event> | Iterable<Event>
  seal(content: { events: number; digest: Buffer }): string
}

/** The bundle, piece by piece: no more than one event is held at a time. */
export async function* bundleText({ head, checkpoints, events, seal }: BundleSource): AsyncGenerator<string> {
  const digest = createHash('sha256')
  const out = (text: string) => {
    digest.update(text)
    return text
  }
  yield out(readme(head))
  yield out([head, ...checkpoints].map((record: BundleRecord) => encode(record)).join(''))
  let count = 0
  for await (const event of events) {
    count += 1
    yield out(encode(event))
  }
  yield encode({ end: { note: seal({ events: count, digest: digest.digest() }) } })
}

/** As it is written. */
export function eventRecord({ index, header: h, envelope, previous, proof, disclosed }: ProvedEvent): Event {
  return {
    event: {
      index,
      header: {
        account_id: h.accountId,
        project_id: h.projectId,
        stream: h.stream,
        seq: h.seq,
        event_id: h.eventId,
        type: h.type,
        version: h.version,
        dek_id: h.dekId,
        at: h.at,
        actor: h.actor,
        commitment: base64(h.commitment),
        command_id: h.commandId,
        n: h.n,
        command_mac: base64(h.commandMac),
      },
      envelope: base64(envelope),
      previous: base64(previous),
      proof: proof.map(base64),
      disclosed: disclosed ? { salt: base64(disclosed.salt), payload: disclosed.payload.toString('utf8') } : null,
    },
  }
}
