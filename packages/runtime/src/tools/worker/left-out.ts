import { entriesOf } from './unpacked.ts'

type Kind = 'header' | 'footer' | 'text box' | 'equation'
type Section = { kind: Kind; text: string }

/** What the reader of documents passes over, by the part of the archive that it lies in. */
const parts = /^word\/(document|header\d*|footer\d*)\.xml$/

/**
 * The texts of a DOCX that its reader leaves out: text boxes, headers, footers and equations; `read` is what it found. `note` names what is
 * there and was not read.
 */
export async function leftOutOf(bytes: Uint8Array, read: string): Promise<{ text: string; note: string | null }> {
  const found = await entriesOf(bytes, (path) => parts.test(path) || unread.some(({ path: one }) => one.test(path)))
  const sections: Section[] = []
  for (const [path, xml] of [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const part = parts.exec(path)?.[1]?.replace(/\d+$/, '')
    if (part === 'document') sections.push(...inBody(xml.toString('utf8')))
    else if (part !== undefined) sections.push({ kind: part as Kind, text: textIn(xml.toString('utf8')) })
  }
  const seen = new Set<string>()
  const known = plain(read)
  const told = sections.filter(({ kind, text }) => {
    const key = plain(text)
    // A text box stands twice in most documents: for newer programs and for older ones.
    if (key === '' || seen.has(`${kind} ${key}`) || (kind === 'text box' && known.includes(key))) return false
    seen.add(`${kind} ${key}`)
    return true
  })
  const missing = unread.filter(({ path }) => [...found.keys()].some((one) => path.test(one))).map(({ name }) => name)
  return {
    text: told.map(({ kind, text }) => `\n\n--- ${kind} ---\n${text.trim()}`).join(''),
    note: missing.length === 0 ? null : `Left out of the document: ${missing.join(', ')}.`,
  }
}

const unread = [
  { path: /^word\/embeddings\//, name: 'embedded files' },
  { path: /^word\/(afchunk|.*\.(x?html?|mht|rtf)$)/i, name: 'inserted files of another format' },
  { path: /^word\/charts\//, name: 'charts' },
  { path: /^word\/diagrams\/data/, name: 'diagrams' },
]

const plain = (text: string) => text.replace(/\s+/g, ' ').trim()

/** Tags and texts, one after another: documents can be nested deeper than any recursion may go. */
const pieces = /<(\/?)([\w:]+)(?:[^>"']|"[^"]*"|'[^']*')*?(\/?)>|([^<]+)/g

function inBody(xml: string): Section[] {
  return [
    ...elementsOf(xml, 'w:txbxContent').map((inner): Section => ({ kind: 'text box', text: textIn(inner) })),
    ...elementsOf(xml, 'm:oMath').map((inner): Section => ({ kind: 'equation', text: textIn(inner) })),
  ]
}

/** The outermost elements of a name. */
function elementsOf(xml: string, name: string): string[] {
  const found: string[] = []
  let [depth, from] = [0, 0]
  for (const match of xml.matchAll(new RegExp(`<(/?)${name}(?=[\\s/>])[^>]*?(/?)>`, 'g'))) {
    const [tag, closes, empty] = match
    if (empty) continue
    if (!closes && depth++ === 0) from = match.index + tag.length
    else if (closes && depth > 0 && --depth === 0) found.push(xml.slice(from, match.index))
  }
  return found
}

function textIn(xml: string): string {
  let text = ''
  let reading = false
  for (const [, closes, name, empty, words] of xml.matchAll(pieces)) {
    if (words !== undefined) text += reading ? unescaped(words) : ''
    else if (name === 'w:t' || name === 'm:t') reading = !closes && !empty
    else if (name === 'w:tab') text += '\t'
    else if (name === 'w:br' || (name === 'w:p' && closes)) text += '\n'
  }
  return text.replace(/\n{3,}/g, '\n\n').trim()
}

const names: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
const unescaped = (text: string) =>
  text.replace(
    /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(amp|lt|gt|quot|apos));/gi,
    (all: string, decimal?: string, hex?: string, name?: string) => {
      if (name !== undefined) return names[name.toLowerCase()]!
      const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal)
      return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code).toWellFormed() : all
    },
  )
