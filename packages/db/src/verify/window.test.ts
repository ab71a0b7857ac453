import { GENESIS } from '@stewrd/crypto/chain.ts'
import { lengthPrefixed } from '@stewrd/crypto/bytes.ts'
import { EVENT_FORMAT } from '@stewrd/crypto/envelope.ts'
import { expect, test } from 'vitest'
import { Place } from './place.ts'
import { StoredEvent } from '../stored-event.ts'
import { EventWindow } from './window.ts'

const account = '0a2a7a9c-7f9e-4f34-8a52-3a4f6f2b8a11'
const project = '5d1d3a7e-0c0b-4b57-9c0e-6d8b7c1f2e90'

/** Fields in the bytes of a row, and where they lie. */
function row(fields: (string | number | Uint8Array)[]): [Buffer, Int32Array] {
  const places: number[] = []
  let at = 0
  for (const field of fields) {
    const length = lengthPrefixed([field]).length
    places.push(at + 4, at + length)
    at += length
  }
  return [lengthPrefixed(fields), Int32Array.from(places)]
}
const event = (stream: string, seq: number) =>
  new StoredEvent(
    ...row([
      EVENT_FORMAT,
      account,
      project,
      stream,
      seq,
      'id',
      'T',
      1,
      'dek',
      0,
      'actor',
      'c',
      'x',
      0,
      'm',
      'e',
      GENESIS,
    ]),
  )
const place = (stream: string, seq: number) =>
  new Place(...row([Buffer.from(account.replaceAll('-', ''), 'hex'), stream, seq]), false)

async function* chunks(...all: StoredEvent[][]) {
  yield* all
}
const nameOf = (found: StoredEvent | undefined) =>
  found && found.bytes.toString('utf8', found.streamAt, found.seqEnd - 12)

test('an event is given out once, whichever of those with the same key was read first', async () => {
  // The key is made of the last bytes of a stream: these two have the same.
  const window = new EventWindow(chunks([event('run:a-00000001', 1), event('run:b-00000001', 1)], [event('run:c', 1)]))
  expect(window.take(place('run:a-00000001', 1))).toBeUndefined()
  expect(nameOf(await window.find(place('run:a-00000001', 1)))).toBe('run:a-00000001')
  expect(window.take(place('run:a-00000001', 1))).toBeUndefined()
  expect(await window.isEmpty()).toBe(false)
  expect(nameOf(window.take(place('run:b-00000001', 1)))).toBe('run:b-00000001')
  expect(await window.isEmpty()).toBe(false)
  expect(window.take(place('run:c', 2))).toBeUndefined()
  expect(nameOf(window.take(place('run:c', 1)))).toBe('run:c')
  expect(await window.isEmpty()).toBe(true)
})

test('one that lies too far from its place is not looked for to the end', async () => {
  const read: string[] = []
  async function* source() {
    for (const name of ['a', 'b', 'c', 'd']) {
      read.push(name)
      yield [event(name, 1)]
    }
  }
  const window = new EventWindow(source(), 2)
  expect(await window.find(place('d', 1))).toBeUndefined()
  expect(read).toEqual(['a', 'b'])
  await window.close()
})
