import { isUtf8 } from 'node:buffer'

/** `damaged`: bytes that are in no encoding, each a U+FFFD in the text. */
export type Decoded = { text: string; damaged: number }

/**
 * Bytes as text: by their byte order mark, as UTF-8, or else as Windows-1252, which older programs write. A UTF-8 text with a few bad bytes
 * stays one: its own letters are no chance.
 */
export function decoded(bytes: Uint8Array): Decoded {
  const [a, b] = bytes
  if (a === 0xff && b === 0xfe) return counted(new TextDecoder('utf-16le').decode(bytes))
  if (a === 0xfe && b === 0xff) return counted(new TextDecoder('utf-16be').decode(bytes))
  const utf8 = new TextDecoder().decode(bytes)
  if (isUtf8(bytes)) return { text: utf8, damaged: 0 }
  const { damaged } = counted(utf8)
  let letters = 0
  for (const letter of utf8) if (letter > '\x7f' && letter !== '\uFFFD') letters++
  // 0xFF alone is in no UTF-8 text and in next to no other: it does not make one of plain ASCII.
  const onlyFF = letters === 0 && bytes.every((byte) => byte < 0x80 || byte === 0xff)
  if (letters >= damaged || onlyFF) return { text: utf8, damaged }
  return { text: new TextDecoder('windows-1252').decode(bytes), damaged: 0 }
}

const counted = (text: string): Decoded => ({ text, damaged: text.split('\uFFFD').length - 1 })

/** What is said of a file with damaged bytes; null for a whole one. */
export const damageIn = ({ damaged }: Pick<Decoded, 'damaged'>): string | null =>
  damaged === 0
    ? null
    : `${damaged} ${damaged === 1 ? 'character' : 'characters'} could not be read and ${damaged === 1 ? 'is' : 'are'} shown as \uFFFD: the file mixes encodings or is damaged.`
