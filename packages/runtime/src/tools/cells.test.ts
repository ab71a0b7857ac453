import type { RunFile } from '@stewrd/core/kernel/run-file.ts'
import ExcelJS from 'exceljs'
import { expect, test } from 'vitest'
import { xlsxOf } from '../testing/zip.ts'
import { dataTools } from './data-tools.ts'
import { fileTools } from './files-tools.ts'
import type { TableSummary } from './worker/jobs.ts'

// Beside tools.test.ts for its length: nothing is shared but the tools, which have no state.
const stored = new Map<string, Buffer>()
const kept = { projectId: 'p', read: async (id: string) => stored.get(id)!, keep: async (name: string) => name }
const tools = new Map([...fileTools(kept), ...dataTools(kept)].map((tool) => [tool.name, tool]))
const context = { runId: 'r', callId: 'c', signal: new AbortController().signal }

function given(name: string, content: string | Buffer): RunFile {
  if (typeof content === 'string') return { name, content }
  stored.set(name, content)
  return { name, fileId: name }
}
const call = (name: string, args: Record<string, unknown>, files: readonly RunFile[]) =>
  tools.get(name)!.run(args, { ...context, files })
/** The first row of what a query gives. */
async function row(file: RunFile, sql: string, more: Record<string, unknown> = {}) {
  const { output, files } = await call('query_data', { files: [file.name], sql, ...more }, [file])
  return { cells: JSON.parse(output.split('\n')[2] ?? 'null') as unknown[], output, files }
}
const described = async (file: RunFile) =>
  (JSON.parse((await call('describe_data', { files: [file.name] }, [file])).output) as TableSummary[])[0]!

async function book(...rows: unknown[][]): Promise<Buffer> {
  const made = new ExcelJS.Workbook()
  made.addWorksheet('S').addRows(rows)
  return Buffer.from(await made.xlsx.writeBuffer())
}

const years = [
  ['year', 'quarter'],
  [2024, 1],
  [2025, 2],
]
const yearFiles: [string, () => Promise<string | Buffer>][] = [
  ['years.csv', async () => years.map((cells) => cells.join(',')).join('\n')],
  ['years.json', async () => '[{"year":2024,"quarter":1},{"year":2025,"quarter":2}]'],
  ['years.jsonl', async () => '{"year":2024,"quarter":1}\n{"year":2025,"quarter":2}'],
  ['years.xlsx', () => book(...years)],
]
test.each(yearFiles)('whole numbers of %s are integers in SQL', async (name, make) => {
  const file = given(name, await make())
  const sql = "select 'Q' || quarter, cast(year as text), year / 2, typeof(year) from years where quarter = 2"
  expect((await row(file, sql)).cells).toEqual(['Q2', '2025', 1012, 'integer'])
  expect((await described(file)).columns.map(({ type }) => type)).toEqual(['integer', 'integer'])
})

test('a column with a fraction is of reals, also where a cell of it is whole', async () => {
  const csv = given('a.csv', 'n,m\n1,2.0\n2.5,3.0')
  expect((await row(csv, 'select typeof(n), n / 2, typeof(m) from a')).cells).toEqual(['real', 0.5, 'real'])
  const json = given('a.json', '[{"n":1,"m":2.0},{"n":2.5,"m":3e0}]')
  expect((await row(json, 'select typeof(n), n / 2, typeof(m) from a')).cells).toEqual(['real', 0.5, 'real'])
})

const long = '1234567890123456789'
const fraction = '0.12345678901234567890'
test.each([
  ['ids.csv', `id,part\n${long},${fraction}`],
  ['ids.json', `[{"id":${long},"part":${fraction},"nested":{"id":${long}}}]`],
  ['ids.jsonl', `{"id":${long},"part":${fraction}}`],
  [
    'ids.xlsx',
    xlsxOf(
      `<row r="1"><c r="A1" t="str"><v>id</v></c><c r="B1" t="str"><v>part</v></c></row><row r="2"><c r="A2"><v>${long}</v></c><c r="B2"><v>${fraction}</v></c></row>`,
    ),
  ],
])('numbers of %s that a double does not hold stay exact', async (name, content) => {
  const file = given(name, content)
  expect((await row(file, 'select id, part from ids')).cells).toEqual([long, fraction])
})

test('numbers inside of a cell stay exact, too', async () => {
  const file = given('n.json', `[{"a":{"id":${long}}}]`)
  expect((await row(file, 'select a from n')).cells).toEqual([`{"id":${long}}`])
})

test('a sum beyond the numbers of a double is exact, in the answer and in a file', async () => {
  const file = given('n.csv', 'n\n9007199254740991\n10')
  const { cells, files } = await row(file, 'select sum(n) as total from n', { save_as: 'out.json' })
  expect(cells).toEqual(['9007199254741001'])
  expect(JSON.parse(files![0]!.content!)).toEqual([{ total: '9007199254741001' }])
})

test('500 columns are described, names and types before figures', async () => {
  const names = Array.from({ length: 500 }, (_, i) => `column ${i}`)
  const file = given('wide.csv', [names.join(','), names.map((_, i) => i).join(',')].join('\n'))
  const { output } = await call('describe_data', { files: ['wide.csv'] }, [file])
  expect(output).toContain('Figures and first rows are left out')
  expect(output).toContain('column 499 (integer)')
  expect((await row(file, 'select "column 499" from wide')).cells).toEqual([499])
  const narrow = given(
    'b.csv',
    [
      names.slice(0, 340).join(','),
      names
        .slice(0, 340)
        .map(() => 1)
        .join(','),
    ].join('\n'),
  )
  expect((await call('describe_data', { files: ['b.csv'] }, [narrow])).output).toContain('column 339')
})

test.each([
  ['json', '[\n  {"a":1,"a_2":2,"A_3":3}\n]\n'],
  ['csv', 'a,a_2,A_3\n1,2,3\n'],
])('two columns of one name are kept apart in a %s', async (format, content) => {
  const file = given('t.csv', 'a,b\n1,2')
  const { output, files } = await row(file, 'select a, b as a, 3 as A from t', { save_as: `out.${format}` })
  expect(output).toContain('["a","a_2","A_3"]\n[1,2,3]')
  expect(files![0]!.content).toBe(content)
})

test('a link with rich text is its text, and a date that there is not spoils no workbook', async () => {
  const link = {
    text: { richText: [{ text: 'the ' }, { font: { bold: true }, text: 'site' }] },
    hyperlink: 'https://h/',
  }
  const file = given('b.xlsx', await book(['link', 'when'], [link, new Date('2026-01-02T00:00:00Z')]))
  expect((await row(file, 'select link, "when" from b')).cells).toEqual(['the site', '2026-01-02'])
  const { dateOf } = await import('./worker/workbook.ts')
  expect(dateOf(new Date(Number.NaN))).toBe('invalid date')
})

test.each([
  ['one.txt', Buffer.concat([Buffer.from('Grüße aus Zürich '), Buffer.from([0xff]), Buffer.from(' bald')])],
  ['ascii.txt', Buffer.concat([Buffer.from('Gruesse '), Buffer.from([0xff]), Buffer.from(' bald')])],
])('one bad byte in the UTF-8 of %s is one replacement character, and said', async (name, content) => {
  const { output } = await call('read_file', { file: name }, [given(name, content)])
  const text = content.toString('utf8')
  expect(output).toContain('1 character could not be read')
  expect(output.split('\n\n')[1]).toBe(text)
  const table = given(name.replace('txt', 'csv'), Buffer.concat([Buffer.from('a,b\n'), content]))
  expect(await described(table)).toMatchObject({
    note: expect.stringContaining('mixes encodings') as string,
    sample: [[text, null]],
  })
})

test('headers in quotes may hold separators, quotes and line breaks, and a line may name the separator', async () => {
  const quoted = given('q.csv', '"a;b;c;d","say ""hi""","two\nlines"\n1,2,3')
  expect((await described(quoted)).columns.map(({ name }) => name)).toEqual(['a;b;c;d', 'say "hi"', 'two\nlines'])
  const named = given('s.csv', '\uFEFFsep=;\nname;amount\nZoë;1,5')
  expect((await described(named)).columns.map(({ name }) => name)).toEqual(['name', 'amount'])
})
