import { setTimeout as wait } from 'node:timers/promises'
import type { Posted } from '../../egress/post.ts'
import { classify } from '../classify.ts'
import { brokenOff, ProviderError } from '../errors.ts'
import type { ModelAnswer } from '../model-answer.ts'
import { EventReader } from '../reading/event-stream.ts'
import { parseJson } from '../reading/json.ts'
import { errorIn } from '../reading/reason.ts'
import { ownError } from '../thrown.ts'
import type { Frame, ReadOptions } from './chunk-reader.ts'
import { ChunkReader } from './chunk-reader.ts'
import type { Whole } from './whole.ts'
import { chunksOf, page, readWhole } from './whole.ts'

/** Characters of one frame of a stream. */
const MOST_FRAME = 8 * 1024 * 1024
/** A connection is used again when its stream ends so soon after the answer did. */
const LINGER_MS = 500

type Pieces = AsyncIterator<Uint8Array>
type Body = Pick<Posted, 'body' | 'cancel'>
/** The frames of a stream, some at a time, and what they said once they are through. */
export type OpenStream = { frames: AsyncIterable<readonly Frame[]>; answer(): ModelAnswer }

/**
 * Reads a stream as far as its first frames, so that an error in their place can still be answered as one. Throws `ProviderError`; so does
 * reading on. A server that does not stream is understood too: its answer becomes frames.
 */
export async function openStream(posted: Posted, options: ReadOptions): Promise<OpenStream> {
  const reader = new ChunkReader(options)
  const frames = read(posted, reader, options)
  const first = await frames.next()
  return { frames: from(first, frames), answer: () => reader.answer() }
}

async function* from(first: IteratorResult<readonly Frame[], void>, rest: AsyncGenerator<readonly Frame[], void>) {
  if (first.done) return
  try {
    yield first.value
    yield* rest
  } finally {
    await rest.return()
  }
}

/** The answer to a request that asked for no stream, streamed or not. Throws `ProviderError`. */
export async function openWhole(posted: Posted, options: ReadOptions): Promise<Whole> {
  if (/event-stream/i.test(posted.headers.get('content-type') ?? '')) return await collected(posted, options)
  const text = await posted.text().catch((error: unknown) => {
    throw ownError(error) ?? brokenOff()
  })
  if (/^\s*(?:data|event|id|retry)?:/.test(text.slice(0, 1000))) return await collected(bodyOf(text), options)
  return await readWhole(text, options)
}

async function collected(posted: Body, options: ReadOptions): Promise<Whole> {
  const reader = new ChunkReader(options)
  for await (const _ of read(posted, reader, options));
  const completion = reader.completion()
  return { completion, json: JSON.stringify(completion), answer: reader.answer() }
}

const bodyOf = (text: string): Body => ({ body: new Blob([text]).stream() })

async function* read(posted: Body, reader: ChunkReader, options: ReadOptions): AsyncGenerator<readonly Frame[], void> {
  const body: AsyncIterable<Uint8Array> = posted.body ?? new Blob([]).stream()
  const pieces = body[Symbol.asyncIterator]()
  let left = true
  try {
    const start = await beginning(pieces)
    if (start.kind === 'page') throw page()
    if (start.kind === 'json') {
      const { completion } = await readWhole(await textOf(start.bytes, pieces), options)
      const frames = chunksOf(completion).map((chunk) => reader.takeChunk(chunk, undefined))
      yield [...frames, ...reader.end()]
      return
    }
    yield* events(start.bytes, pieces, reader, options)
    left = false
    void lingering(pieces, posted)
  } finally {
    if (left) posted.cancel?.()
    if (left) await pieces.return?.()
  }
}

async function* events(
  start: Uint8Array,
  pieces: Pieces,
  reader: ChunkReader,
  options: ReadOptions,
): AsyncGenerator<readonly Frame[], void> {
  const stream = new EventReader({ mostFrame: MOST_FRAME })
  let bytes: Uint8Array | undefined = start
  while (bytes && !reader.done) {
    const { frames, error } = taken(reader, () => stream.take(bytes!))
    if (frames.length > 0) yield frames
    if (error !== undefined) throw error
    if (!reader.done) bytes = await next(pieces, reader)
  }
  const { frames, error } = taken(reader, () => (reader.done ? [] : stream.end()))
  if (frames.length > 0) yield frames
  if (!reader.finished) {
    const said = errorIn(parseJson(stream.unframed))
    if (said) throw classify({ status: null, said, scrubber: options.scrubber })
    // What is left of a frame whose end never came is no JSON.
    if (error !== undefined)
      throw reader.done || !(error instanceof ProviderError) || error.status !== null ? error : brokenOff()
  }
  yield reader.end()
}

/** The frames before an error are the client's. */
function taken(reader: ChunkReader, read: () => ReturnType<EventReader['take']>): { frames: Frame[]; error?: unknown } {
  const frames: Frame[] = []
  try {
    for (const event of read()) {
      const frame = reader.take(event)
      if (frame) frames.push(frame)
      if (reader.done) break
    }
    return { frames }
  } catch (error) {
    return { frames, error }
  }
}

/** The next piece; undefined at the end, which a connection that breaks after a whole answer is too. */
async function next(pieces: Pieces, reader?: ChunkReader): Promise<Uint8Array | undefined> {
  try {
    const { done, value } = await pieces.next()
    return done ? undefined : value
  } catch (error) {
    const own = ownError(error)
    if (own) throw own
    if (reader?.finished) return undefined
    throw brokenOff()
  }
}

const [TAB, SPACE] = [9, 32]
const isBlank = (byte: number) => byte === SPACE || (byte >= TAB && byte <= 13) || BOM.includes(byte)
const BOM = [0xef, 0xbb, 0xbf]

/** What a body is, by its first character: its label often says something else. */
async function beginning(pieces: Pieces): Promise<{ kind: 'json' | 'page' | 'events'; bytes: Uint8Array }> {
  const blank: Uint8Array[] = []
  for (let bytes = await next(pieces); bytes; bytes = await next(pieces)) {
    blank.push(bytes)
    const first = bytes.find((byte) => !isBlank(byte))
    if (first === undefined) continue
    const kind = first === 0x7b || first === 0x5b ? 'json' : first === 0x3c ? 'page' : 'events'
    return { kind, bytes: Buffer.concat(blank) }
  }
  return { kind: 'events', bytes: Buffer.concat(blank) }
}

async function textOf(start: Uint8Array, pieces: Pieces): Promise<string> {
  const all = [start]
  for (let bytes = await next(pieces); bytes; bytes = await next(pieces)) all.push(bytes)
  return new TextDecoder().decode(Buffer.concat(all))
}

/** Lets a stream that has told everything come to its end, and gives up one that does not. */
async function lingering(pieces: Pieces, posted: Body): Promise<void> {
  const over = wait(LINGER_MS, 'late' as const, { ref: false })
  try {
    for (let ended = false; !ended; ) {
      const piece = await Promise.race([pieces.next(), over])
      ended = piece === 'late' || piece.done === true
    }
  } catch {
    // It is given up below.
  } finally {
    posted.cancel?.()
  }
}
