import { z } from 'zod'
import { isStorable } from './text.ts'

const hasExtension = (name: string) => /[^.\\/]\.[A-Za-z0-9]{1,16}$/.test(name)
// What would be a folder, or could end a header's line, is no name.
const isPlain = (name: string) => !/[\\/\p{Cc}]/u.test(name)
// `letter<U+202E>xcod.txt` would be shown as `lettertxt.docx`.
const isInOrder = (name: string) => !/\p{Bidi_Control}/u.test(name)

/** The name of a file: up to 255 characters, with an extension. */
export const FileName = z
  .string()
  .min(1)
  .max(255)
  .refine(hasExtension, 'needs an extension, such as notes.txt')
  .refine(isPlain, 'must not hold slashes or control characters')
  .refine(isInOrder, 'must not hold characters that change the direction of text')
  .refine(isStorable, 'must be well-formed Unicode text')
