import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

// What is used of pdfmake 0.3. It has no types of its own; those of DefinitelyTyped bring a browser's into the server.
export type Content = string | number | { [property: string]: unknown }
export type DocumentDefinition = {
  content: Content[]
  footer: (page: number, pages: number) => Content
  [property: string]: unknown
}
type Pdfmake = {
  setFonts(fonts: Record<string, Record<'normal' | 'bold' | 'italics' | 'bolditalics', string>>): void
  setUrlAccessPolicy(allowed: (url: string) => boolean): void
  setLocalAccessPolicy(allowed: (path: string) => boolean): void
  createPdf(definition: DocumentDefinition): { getBuffer(): Promise<Buffer> }
}

const require = createRequire(import.meta.url)
const pdfmake = require('pdfmake') as Pdfmake
const roboto = join(dirname(require.resolve('pdfmake/package.json')), 'fonts/Roboto')
const font = (name: string) => join(roboto, `Roboto-${name}.ttf`)
pdfmake.setFonts({
  Roboto: {
    normal: font('Regular'),
    bold: font('Medium'),
    italics: font('Italic'),
    bolditalics: font('MediumItalic'),
  },
})
// A document is made of data alone: nothing in it may make the server read a file or call an address.
pdfmake.setUrlAccessPolicy(() => false)
pdfmake.setLocalAccessPolicy((path) => path.startsWith(roboto))

/** Text is set in Roboto, which has Latin, Greek and Cyrillic letters. */
export const renderPdf = (definition: DocumentDefinition): Promise<Buffer> => pdfmake.createPdf(definition).getBuffer()
