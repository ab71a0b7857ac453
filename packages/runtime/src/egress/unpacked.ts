import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream'
import type { Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw, createZstdDecompress } from 'node:zlib'

/** An answer is larger than this server reads. The connection is given up. */
export class AnswerTooLarge extends Error {
  override readonly name = 'AnswerTooLarge'
  readonly limitBytes: number
  constructor(limitBytes: number, options?: ErrorOptions) {
    super(`The answer is larger than ${Math.floor(limitBytes / 1024 / 1024)} MB.`, options)
    this.limitBytes = limitBytes
  }
}

/** An answer is packed in a way that this server cannot unpack. */
export class UnknownPacking extends Error {
  override readonly name = 'UnknownPacking'
}

const MOST_LAYERS = 2

/** A body without its `Content-Encoding`; fails with `AnswerTooLarge` after `limitBytes` unpacked bytes. */
export function unpacked(
  body: Readable,
  encoding: string,
  limitBytes: number,
): AsyncIterable<Uint8Array> & { destroy(): void } {
  const names = encoding
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name && name !== 'identity')
  const known = names.every((name) => name in decoders || name === 'deflate')
  if (!known || names.length > MOST_LAYERS) {
    body.destroy()
    throw new UnknownPacking(`the answer is packed as ${encoding.slice(0, 40)}`)
  }
  return { [Symbol.asyncIterator]: () => pieces(body, names.toReversed(), limitBytes), destroy: () => body.destroy() }
}

async function* pieces(body: Readable, names: readonly string[], limitBytes: number): AsyncGenerator<Uint8Array> {
  const source = await peeked(body)
  const layers = names.map((name) => (name === 'deflate' ? inflate(source.first) : decoders[name]!()))
  const last = layers.reduce<Readable>((from, to) => pipeline(from, to, () => {}), body)
  if (source.first) body.unshift(source.first)
  let count = 0
  // Leaving the loop destroys the last stream, and with it those before.
  for await (const piece of last as AsyncIterable<Uint8Array>) {
    count += piece.length
    if (count > limitBytes) throw new AnswerTooLarge(limitBytes)
    yield piece
  }
}

/** The first bytes of a body, which stays unread otherwise. */
async function peeked(body: Readable): Promise<{ first: Uint8Array | undefined }> {
  for (;;) {
    const first = body.read() as Uint8Array | null
    if (first) return { first }
    if (body.readableEnded || body.destroyed || body.errored) return { first: undefined }
    await new Promise<void>((next) => {
      const settle = () => {
        for (const event of ['readable', 'end', 'close', 'error']) body.off(event, settle)
        next()
      }
      for (const event of ['readable', 'end', 'close', 'error']) body.on(event, settle)
    })
  }
}

const decoders: Record<string, () => Transform> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
}

/** RFC 9110 means the zlib format by "deflate"; some servers send the bare one. */
const inflate = (first: Uint8Array | undefined): Transform =>
  first === undefined || (first[0]! & 0x0f) === 8 ? createInflate() : createInflateRaw()
