import { createParser } from 'eventsource-parser'
import { ProviderError } from '../errors.ts'

/** One server-sent event. `data` has its lines joined. */
export type StreamEvent = { event: string | undefined; data: string }

/** Characters of the end of a stream that are kept, for what stands there without being an event. */
const TAIL = 4_000

/**
 * The events of a stream, each once it is whole: any line ends, any cuts. Linear in what it is given; `mostFrame` characters of one event are held
 * at most. What comes after the last blank line is an event too.
 */
export class EventReader {
  readonly #decoder = new TextDecoder()
  readonly #parser
  #events: StreamEvent[] = []
  #tail = ''
  #tooLarge = false
  readonly #mostFrame: number

  constructor({ mostFrame }: { mostFrame: number }) {
    this.#mostFrame = mostFrame
    this.#parser = createParser({
      maxBufferSize: mostFrame,
      onEvent: ({ event, data }) => this.#events.push({ event, data }),
      onError: (error) => {
        if (error.type === 'max-buffer-size-exceeded') this.#tooLarge = true
      },
    })
  }

  /** The events that these bytes complete. */
  take(bytes: Uint8Array): StreamEvent[] {
    return this.#take(this.#decoder.decode(bytes, { stream: true }))
  }

  end(): StreamEvent[] {
    return this.#take(`${this.#decoder.decode()}\n\n`)
  }

  /** The last line that is no field of an event, as servers write an error without a frame; empty when there is none. */
  get unframed(): string {
    const line = this.#tail.split(/\r\n|\n|\r/).findLast((text) => text.trim() !== '')
    return line !== undefined && /^\s*[{[]/.test(line) ? line : ''
  }

  #take(text: string): StreamEvent[] {
    this.#parser.feed(text)
    if (this.#tooLarge) throw frameTooLarge(this.#mostFrame)
    this.#tail = (text.length >= TAIL ? text : this.#tail + text).slice(-TAIL)
    const events = this.#events
    this.#events = []
    return events
  }
}

const frameTooLarge = (characters: number) =>
  new ProviderError(
    'compute_error',
    `The provider sent a frame larger than ${Math.floor(characters / 1024 / 1024)} MB, the limit of this server.`,
  )
