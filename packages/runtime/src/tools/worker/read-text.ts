import { convert } from 'html-to-text'
import mammoth from 'mammoth'
import { extractText, getDocumentProxy } from 'unpdf'
import { extensionOf } from '../readable.ts'
import type { Content, JobResult } from './jobs.ts'
import { JobRefused } from './jobs.ts'
import { damageIn, decoded } from './decoded.ts'
import { leftOutOf } from './left-out.ts'
import { refuseBombs } from './unpacked.ts'

/** The text of a document. Nothing that it points to is fetched, and nothing in it is run. */
export async function readText({ name, bytes }: Content): Promise<JobResult['text']> {
  switch (extensionOf(name)) {
    case 'pdf':
      return pdfText(bytes)
    case 'docx':
      return docxText(bytes)
    case 'html':
    case 'htm':
      return htmlPage(bytes)
    default:
      return plainText(bytes)
  }
}

async function pdfText(bytes: Uint8Array): Promise<JobResult['text']> {
  const { text: pages } = await extracted(bytes)
  if (pages.every((page) => page.trim() === ''))
    throw new JobRefused('The PDF holds no text. It is probably made of pictures, such as scanned pages.')
  const text = pages.map((page, i) => `--- page ${i + 1} ---\n${page.trim()}`).join('\n\n')
  return { text, pages: pages.length, note: null }
}

async function extracted(bytes: Uint8Array): Promise<{ text: string[] }> {
  try {
    if (bytes.length === 0) throw new JobRefused('The PDF is empty.')
    const document = await getDocumentProxy(new Uint8Array(bytes))
    return await extractText(document, { mergePages: false })
  } catch (error) {
    if (error instanceof JobRefused) throw error
    const locked = error instanceof Error && error.name === 'PasswordException'
    throw new JobRefused(locked ? 'The PDF is locked with a password.' : 'The PDF is damaged and cannot be read.')
  }
}

async function docxText(bytes: Uint8Array): Promise<JobResult['text']> {
  await refuseBombs(bytes)
  try {
    const ignored = mammoth.images.imgElement(async () => ({ src: '' }))
    const { value } = await mammoth.convertToHtml({ buffer: Buffer.from(bytes) }, { convertImage: ignored })
    const read = htmlText(value)
    const { text, note } = await leftOutOf(bytes, read)
    return { text: (read + text).trim(), pages: null, note }
  } catch {
    throw new JobRefused('The document is damaged, or is not a DOCX.')
  }
}

const htmlText = (html: string) =>
  convert(html, {
    wordwrap: false,
    limits: { maxInputLength: 32 * 1024 * 1024 },
    selectors: [
      { selector: 'img', format: 'skip' },
      { selector: 'a', options: { hideLinkHrefIfSameAsText: true } },
      { selector: 'table', format: 'dataTable' },
    ],
  })

function htmlPage(bytes: Uint8Array): JobResult['text'] {
  const page = decoded(bytes)
  return { text: htmlText(page.text), pages: null, note: damageIn(page) }
}

function plainText(bytes: Uint8Array): JobResult['text'] {
  if (bytes.subarray(0, 8000).includes(0) && !isUtf16(bytes))
    throw new JobRefused('The file is not text, and not a format that can be read: PDF, DOCX, HTML and plain text can.')
  const { text, damaged } = decoded(bytes)
  return { text, pages: null, note: damageIn({ damaged }) }
}

const isUtf16 = ([a, b]: Uint8Array) => (a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff)
