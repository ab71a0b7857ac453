const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' })
/** A grapheme that is longer (a letter under hundreds of marks) is cut, though never inside a code point. */
const LONGEST = 200

/** The last place at or before `at` that is no place inside of what is read as one character: an emoji, a letter with its marks. */
export function characterStart(text: string, at: number): number {
  if (at <= 0 || at >= text.length) return Math.max(0, Math.min(at, text.length))
  const from = codePointStart(text, Math.max(0, at - LONGEST))
  const start = from + segmenter.segment(text.slice(from, at + LONGEST)).containing(at - from)!.index
  return start > from || from === 0 ? start : codePointStart(text, at)
}

/** The beginning of a text, at most `max` UTF-16 units long, that ends between two characters. */
export const beginningOf = (text: string, max: number): string =>
  text.length <= max ? text : text.slice(0, characterStart(text, max))

const codePointStart = (text: string, at: number) => {
  const inside = /[\uDC00-\uDFFF]/.test(text[at] ?? '') && /[\uD800-\uDBFF]/.test(text[at - 1] ?? '')
  return inside ? at - 1 : at
}
