import type { Revealable } from '../target.ts'
import type { KeyForm } from './key-forms.ts'
import { formsOf } from './key-forms.ts'

/** What stands where the key stood. */
const REPLACEMENT = '[key]'
/** Characters of the windows that are looked up. */
const WINDOW = 8
const SLOTS = 1 << 15

type Span = { from: number; to: number }
type Part = { form: KeyForm; at: number }

/** Finds a provider key in text: whole, cut, encoded. Linear in the text. It holds the key in the clear: never keep, log or return it. */
export class KeyScrubber {
  readonly #parts = new Map<string, Part[]>()
  /** By the hash of a window: whether some part has it. */
  readonly #filter = new Uint8Array(SLOTS)
  /** Characters of a text that may be the beginning of a find which goes on in the next. */
  readonly reach: number

  constructor(key: string) {
    const forms = formsOf(key).map(recognisable)
    for (const { form, places } of forms)
      for (const at of places) {
        const window = form.text.slice(at, at + WINDOW)
        this.#parts.set(window, [...(this.#parts.get(window) ?? []), { form, at }])
        this.#filter[slotOf(hashOf(window, 0))] = 1
      }
    this.reach = forms.length ? Math.max(...forms.map(({ form }) => form.least)) - 1 : 0
  }

  /** Whether the key, or enough of it, stands in the text. */
  finds(text: string): boolean {
    if (this.#next(text, 0)) return true
    return isEscaped(text) && this.#next(unescaped(text), 0) !== undefined
  }

  /** The text without the key. */
  scrub(text: string): string {
    return this.scrubAfter('', text)
  }

  /** The same for a text that follows on `before`, at most `reach` characters of which count: what is found across both is taken out of the second. */
  scrubAfter(before: string, text: string): string {
    const clean = this.#scrub(before, text)
    if (!isEscaped(clean) || !this.#next(unescaped(before + clean), 0)) return clean
    return this.#scrub(unescaped(before), unescaped(clean))
  }

  #scrub(before: string, text: string): string {
    const start = before.length
    const all = start === 0 ? text : before + text
    let clean = ''
    let kept = start
    let at = 0
    for (let span = this.#next(all, at); span; span = this.#next(all, at)) {
      at = span.to
      if (span.to <= kept) continue
      clean += `${all.slice(kept, Math.max(kept, span.from))}${REPLACEMENT}`
      kept = span.to
    }
    return kept === start ? text : clean + all.slice(kept)
  }

  /** The first find from this place on. */
  #next(text: string, start: number): Span | undefined {
    const last = text.length - WINDOW
    if (this.#parts.size === 0 || last < start) return undefined
    const filter = this.#filter
    let hash = hashOf(text, start)
    for (let at = start; ; at++) {
      if (filter[slotOf(hash)] === 1) {
        const span = this.#spanAt(text, at, start)
        if (span) return span
      }
      if (at >= last) return undefined
      hash = (Math.imul(hash - Math.imul(text.charCodeAt(at), OLDEST), 31) + text.charCodeAt(at + WINDOW)) | 0
    }
  }

  /** The longest find that the window at this place is a part of. */
  #spanAt(text: string, at: number, start: number): Span | undefined {
    let longest: Span | undefined
    for (const { form, at: within } of this.#parts.get(text.slice(at, at + WINDOW)) ?? []) {
      let from = at
      let first = within
      for (; from > start && first > 0 && text[from - 1] === form.text[first - 1]; from--) first--
      let to = at + WINDOW
      let end = within + WINDOW
      for (; to < text.length && end < form.text.length && text[to] === form.text[end]; to++) end++
      if (to - from >= form.least && to - from > (longest ? longest.to - longest.from : 0)) longest = { from, to }
    }
    return longest
  }
}

/** Characters that are written by their codes, in JSON, in a URL or in HTML: any of them, and through any number of layers. */
const ESCAPE = /\\+(?:u00|x)([0-9a-f]{2})|%([0-9a-f]{2})|&#x([0-9a-f]{2});|&#(\d{2,3});/gi
const isEscaped = (text: string) => /\\[ux]|%|&#/.test(text)
const unescaped = (text: string) =>
  text.replace(ESCAPE, (_, json?: string, url?: string, hex?: string, decimal?: string) =>
    String.fromCharCode(decimal === undefined ? Number.parseInt(json ?? url ?? hex ?? '', 16) : Number(decimal)),
  )

/** A form with the windows that it is recognised by; one that is hardly more than a character again and again only as a whole. */
function recognisable(form: KeyForm): { form: KeyForm; places: readonly number[] } {
  const places = placesOf(form)
  return places.length > 0 ? { form, places } : { form: { ...form, least: form.text.length }, places: [0] }
}

/** Every run of `least` characters of a form holds a window that begins at one of these places. */
function placesOf({ text, least }: KeyForm): number[] {
  const places: number[] = []
  for (let at = 0; at + WINDOW <= text.length; at += least - WINDOW + 1) if (tells(text, at)) places.push(at)
  return places
}

/** What is as good as one character again and again tells nothing. */
const tells = (text: string, at: number) => new Set(text.slice(at, at + WINDOW)).size >= 4

/** 31 to the power of WINDOW - 1. */
const OLDEST = Array.from({ length: WINDOW - 1 }).reduce<number>((power) => Math.imul(power, 31), 1)

function hashOf(text: string, at: number): number {
  let hash = 0
  for (let i = at; i < at + WINDOW; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0
  return hash
}
const slotOf = (hash: number) => (hash ^ (hash >>> 15)) & (SLOTS - 1)

// A scrubber lives no longer than its key.
const made = new WeakMap<Revealable, KeyScrubber>()

/** The scrubber of a key, the same for all its calls. */
export function scrubberOf(key: Revealable): KeyScrubber {
  const known = made.get(key)
  if (known) return known
  const scrubber = new KeyScrubber(key.reveal())
  made.set(key, scrubber)
  return scrubber
}
