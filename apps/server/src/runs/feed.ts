import type { RunEvent } from '@stewrd/core/runs/events.ts'

type ToolItem =
  | { event: 'tool_start'; data: { tool: string; message: string } }
  | { event: 'tool_end'; data: { tool: string } }
type Step = { text: GrowingText; tools: ToolItem[]; done: boolean }
/** One frame of a stream of server-sent events, before its end. */
export type Frame = { id: string; event: string; data: object }

/** A text that grows by pieces and is read from its end: reading what is new costs what is new. */
class GrowingText {
  readonly #pieces: string[] = []
  length = 0

  constructor(text = '') {
    this.add(text)
  }

  add(piece: string): void {
    if (!piece) return
    this.#pieces.push(piece)
    this.length += piece.length
  }

  from(start: number): string {
    let first = this.#pieces.length
    let at = this.length
    while (at > start && first > 0) at -= this.#pieces[--first]!.length
    return this.#pieces
      .slice(first)
      .join('')
      .slice(Math.max(0, start - at))
  }

  upTo(end: number): string {
    return this.#pieces.join('').slice(0, end)
  }
}

/** What a client that watches a run gets to see: the text of each step, then its tools. Grows with the run, or is made from its events. */
export class RunFeed {
  readonly #steps = new Map<number, Step>()
  readonly #listeners = new Set<() => void>()

  apply(events: readonly RunEvent[]): this {
    for (const { type, data } of events) {
      if (type === 'ModelAnswered')
        Object.assign(this.#step(data.step), { text: new GrowingText(data.content), done: true })
      if (type === 'ToolCalled')
        this.#step(data.step).tools.push({ event: 'tool_start', data: { tool: data.tool, message: data.message } })
      if (type === 'ToolReturned') this.#step(data.step).tools.push({ event: 'tool_end', data: { tool: data.tool } })
    }
    this.#tell()
    return this
  }

  token(step: number, text: string): void {
    this.#step(step).text.add(text)
    this.#tell()
  }

  /** `listen` is called after every change, until the returned function is. */
  subscribe(listen: () => void): () => void {
    this.#listeners.add(listen)
    return () => this.#listeners.delete(listen)
  }

  at(step: number): Step | undefined {
    return this.#steps.get(step)
  }

  #step(n: number): Step {
    const step = this.#steps.get(n) ?? { text: new GrowingText(), tools: [], done: false }
    this.#steps.set(n, step)
    return step
  }

  #tell(): void {
    for (const listen of this.#listeners) listen()
  }
}

/**
 * How far a client has come, as the `id` of a frame says: step, characters of its text, tool events, and a digest of that text. A step
 * that began again on another node may read differently: then the client is told to forget its text (`restart`), and gets it anew.
 */
export class FeedCursor {
  #step = 1
  #text = 0
  #tools = 0
  #digest = EMPTY
  #proved = true

  constructor(lastEventId?: string) {
    const parts = /^(\d{1,4})\.(\d{1,9})\.(\d{1,4})\.([0-9a-f]{8})$/.exec(lastEventId ?? '')
    if (!parts) return
    ;[this.#step, this.#text, this.#tools] = parts.slice(1, 4).map(Number) as [number, number, number]
    this.#digest = Number.parseInt(parts[4]!, 16)
    this.#proved = this.#text === 0
  }

  /** What is new since the last call. */
  take(feed: RunFeed): Frame[] {
    const frames: Frame[] = []
    for (;;) {
      const step = feed.at(this.#step)
      if (!step) return frames
      if (!this.#proved) {
        if (step.text.length < this.#text && !step.done) return frames
        if (digestOf(step.text.upTo(this.#text)) !== this.#digest) frames.push(this.#restart())
        this.#proved = true
      }
      const text = step.text.from(this.#text)
      if (text) {
        this.#text = step.text.length
        this.#digest = digestOf(text, this.#digest)
        frames.push({ id: this.#id(), event: 'token', data: { text, content: text } })
      }
      for (; this.#tools < step.tools.length; ) {
        const { event, data } = step.tools[this.#tools++]!
        frames.push({ id: this.#id(), event, data })
      }
      if (!feed.at(this.#step + 1)) return frames
      this.#step++
      this.#text = this.#tools = 0
      this.#digest = EMPTY
    }
  }

  #restart(): Frame {
    this.#text = this.#tools = 0
    this.#digest = EMPTY
    return { id: this.#id(), event: 'restart', data: { step: this.#step } }
  }

  #id(): string {
    return `${this.#step}.${this.#text}.${this.#tools}.${this.#digest.toString(16).padStart(8, '0')}`
  }
}

/** FNV-1a: tells two texts apart, and hides nothing. */
const EMPTY = 0x811c9dc5
function digestOf(text: string, from = EMPTY): number {
  let digest = from
  for (let i = 0; i < text.length; i++) digest = Math.imul(digest ^ text.charCodeAt(i), 0x01000193)
  return digest >>> 0
}
