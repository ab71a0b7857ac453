import { convert } from 'html-to-text'
import mammoth from 'mammoth'
import { extractText, getDocumentProxy } from 'unpdf'
import { extensionOf } from '../readable.ts'
import type { Content, JobResult } from './jobs.ts'
import { JobRefused } from './jobs.ts'
import { decoded } from './decoded.ts'
import { refuseBombs } from './unpacked.ts'

/** The text of a document. Nothing that it points to is fetched, and nothing in it is run. */
export async function readText({ name, bytes }: Content): Promise<JobResult['text']> {
  switch (extensionOf(name)) {
    case 'pdf':
      return pdfText(bytes)
    case 'docx':
      return { text: await docxText(bytes), pages: null }
    case 'html':
    case 'htm':
      return { text: htmlText(decoded(bytes)), pages: null }
    default:
      return { text: plainText(bytes), pages: null }
  }
}

async function pdfText(bytes: Uint8Array): Promise<JobResult['text']> {
  const { text: pages } = await extracted(bytes)
  if (pages.every((page) => page.trim() === ''))
    throw new JobRefused('The PDF holds no text. It is probably made of pictures, such as scanned pages.')
  const text = pages.map((page, i) => `--- page ${i + 1} ---\n${page.trim()}`).join('\n\n')
  return { text, pages: pages.length }
}

async function extracted(bytes: Uint8Array): Promise<{ text: string[] }> {
  try {
    const document = await getDocumentProxy(new Uint8Array(bytes))
    return await extractText(document, { mergePages: false })
  } catch (error) {
    const locked = error instanceof Error && error.name === 'PasswordException'
    throw new JobRefused(locked ? 'The PDF is locked with a password.' : 'The PDF is damaged and cannot be read.')
  }
}

async function docxText(bytes: Uint8Array): Promise<string> {
  await refuseBombs(bytes)
  try {
    const ignored = mammoth.images.imgElement(async () => ({ src: '' }))
    const { value } = await mammoth.convertToHtml({ buffer: Buffer.from(bytes) }, { convertImage: ignored })
    return htmlText(value)
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

function plainText(bytes: Uint8Array): string {
  if (bytes.subarray(0, 8000).includes(0) && !isUtf16(bytes))
    throw new JobRefused('The file is not text, and not a format that can be read: PDF, DOCX, HTML and plain text can.')
  return decoded(bytes)
}

const isUtf16 = ([a, b]: Uint8Array) => (a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff)
