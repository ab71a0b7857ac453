import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { RunFile } from '@stewrd/core/kernel/run-file.ts'
import ExcelJS from 'exceljs'
import { beforeEach, expect, test } from 'vitest'
import type { ToolContext } from '../loop/tool.ts'
import { ToolError } from '../loop/tool.ts'
import { docxOf, zipOf } from '../testing/zip.ts'
import { dataTools } from './data-tools.ts'
import { fileTools } from './files-tools.ts'
import type { TableSummary } from './worker/jobs.ts'
import { runJob } from './worker/run-job.ts'

const stored = new Map<string, Buffer>()
const kept = {
  projectId: 'p',
  read: async (fileId: string) => stored.get(fileId)!,
  async keep(name: string, content: Buffer) {
    stored.set(name, content)
    return name
  },
}
const tools = new Map([...fileTools(kept), ...dataTools(kept)].map((tool) => [tool.name, tool]))
const never = new AbortController().signal
const call = (name: string, args: Record<string, unknown>, files: readonly RunFile[] = [], signal = never) =>
  tools.get(name)!.run(args, { runId: 'r', callId: 'c', signal, files } satisfies ToolContext)

function file(name: string, content?: Buffer): RunFile {
  stored.set(name, content ?? readFileSync(new URL(`../../../../testdata/files/${name}`, import.meta.url)))
  return { name, fileId: name }
}
beforeEach(() => stored.clear())

test('the text of a PDF is told page by page', async () => {
  const { output } = await call('read_file', { file: 'report.pdf' }, [file('report.pdf')])
  expect(output).toBe(
    'Characters 0 to 83 of 83, 2 pages.\n\n--- page 1 ---\nRevenue grew by 12 percent.\n\n--- page 2 ---\nCosts fell by 3 percent.',
  )
})

test('a DOCX is read with its tables, HTML without scripts and pictures', async () => {
  const { output } = await call('read_file', { file: 'letter.docx' }, [file('letter.docx')])
  expect(output).toContain('Dear Ada, the contract ends in March 2027 – grüße.')
  expect(output).toMatch(/Desk\s+120/)
  const html = '<h1>News</h1><script>steal()</script><img src="http://127.0.0.1/x"><p>It rains.</p>'
  const page = await call('read_file', { file: 'a.html' }, [{ name: 'a.html', content: html }])
  expect(page.output).toContain('It rains.')
  expect(page.output).not.toMatch(/steal|127\.0\.0\.1/)
})

test('a long text is given in pieces', async () => {
  const content = `${'a'.repeat(20_000)}${'b'.repeat(100)}`
  const given = [{ name: 'long.txt', content }]
  const first = await call('read_file', { file: 'long.txt' }, given)
  expect(first.output).toContain('Characters 0 to 20000 of 20100. The rest begins at offset 20000.')
  const second = await call('read_file', { file: 'long.txt', offset: 20_000 }, given)
  expect(second.output).toBe(`Characters 20000 to 20100 of 20100.\n\n${'b'.repeat(100)}`)
  await expect(call('read_file', { file: 'long.txt', offset: 30_000 }, given)).rejects.toThrow(
    'The file has 20100 characters only.',
  )
})

const boxed = (text: string) =>
  `<w:r><w:pict><wps:txbx><w:txbxContent>${paragraph(text)}</w:txbxContent></wps:txbx></w:pict></w:r>`
const paragraph = (text: string) => `<w:p><w:r><w:t>${text}</w:t></w:r></w:p>`

test('text boxes, headers, footers and equations of a DOCX are read, and what cannot be read is named', async () => {
  const equation = '<w:p><m:oMath><m:r><m:t>E=mc²</m:t></m:r></m:oMath></w:p>'
  const body = `${paragraph('The body &amp; more.')}<w:p>${boxed('In the box.')}${boxed('In the box.')}</w:p>${equation}`
  const part = (text: string) => `<w:hdr>${paragraph(text)}</w:hdr>`
  const parts = {
    'word/header1.xml': part('Page header.'),
    'word/header2.xml': part('Page header.'),
    'word/footer1.xml': part('Page footer.'),
    'word/embeddings/sheet.xlsx': 'x',
  }
  const { output } = await call('read_file', { file: 'a.docx' }, [file('a.docx', docxOf(body, parts))])
  for (const text of ['The body & more.', 'In the box.', 'E=mc²', 'Page header.', 'Page footer.'])
    expect([text, output.split(text).length - 1]).toEqual([text, 1])
  expect(output).toContain('Left out of the document: embedded files.')
})

test('no piece of a text and no cell ends inside of a character', async () => {
  const family = '👨‍👩‍👧'
  const content = `${'a'.repeat(19_999)}${family}${'b'.repeat(20)}`
  const first = await call('read_file', { file: 'e.txt' }, [{ name: 'e.txt', content }])
  expect(first.output).toContain('Characters 0 to 19999 of 20027. The rest begins at offset 19999.')
  const second = await call('read_file', { file: 'e.txt', offset: 20_001 }, [{ name: 'e.txt', content }])
  expect(second.output).toContain(`Characters 19999 to 20027 of 20027.\n\n${family}b`)
  const cells = { name: 'c.csv', content: `a,b\n${'x'.repeat(199)}${family},${'😀'.repeat(20_000)}` }
  const { output } = await call('query_data', { files: ['c.csv'], sql: 'select * from c' }, [cells])
  expect(output).toContain(`["${'x'.repeat(199)}…"`)
  const long = {
    name: 'd.json',
    content: JSON.stringify(Array.from({ length: 200 }, () => ({ a: `${'y'.repeat(150)}😀` }))),
  }
  const many = await call('query_data', { files: ['d.json'], sql: 'select a, a, a from d' }, [long])
  for (const text of [first.output, second.output, output, many.output]) expect(text.isWellFormed()).toBe(true)
  expect(many.output).toContain('[cut: ask for less]')
})

const compound = (text: string) =>
  Buffer.concat([Buffer.from('d0cf11e0a1b11ae1', 'hex'), Buffer.alloc(500), Buffer.from(text, 'utf16le')])

test.each([
  [
    'locked.xlsx',
    compound('EncryptedPackage'),
    'The file is locked with a password. Remove the password and send it again.',
  ],
  [
    'old.xlsx',
    compound('Workbook'),
    'The file is of an older Office format. Save it as XLSX or DOCX and send it again.',
  ],
  [
    'many.xlsx',
    zipOf(Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [`xl/${i}.xml`, '']))),
    'The file is too large once it is unpacked: it has 10001 parts.',
  ],
])('%s is refused with what is wrong and what to do', async (name, content, says) => {
  const refused = call('describe_data', { files: [name] }, [file(name, content)])
  await expect(refused).rejects.toThrow(new ToolError(says))
})

test.each([
  ['scan.pdf', undefined, 'The PDF holds no text. It is probably made of pictures, such as scanned pages.'],
  ['broken.pdf', Buffer.from('%PDF-1.4 nothing'), 'The PDF is damaged and cannot be read.'],
  ['broken.docx', Buffer.from('no zip'), 'The file is damaged, or is not of the format that its name says.'],
  ['bomb.docx', undefined, 'The file is too large once it is unpacked.'],
  [
    'photo.png',
    Buffer.from([0x89, 0x50, 0, 1]),
    'The file is not text, and not a format that can be read: PDF, DOCX, HTML and plain text can.',
  ],
])('%s is refused with what is wrong', async (name, content, says) => {
  const refused = call('read_file', { file: name }, [file(name, content)])
  await expect(refused).rejects.toThrow(new ToolError(says))
})

test('text of older programs and with a byte order mark is read', async () => {
  const latin = await call('read_file', { file: 'a.txt' }, [file('a.txt', Buffer.from('Grüße', 'latin1'))])
  expect(latin.output).toContain('Grüße')
  const utf16 = Buffer.from('\uFEFFGrüße', 'utf16le')
  expect((await call('read_file', { file: 'b.txt' }, [file('b.txt', utf16)])).output).toContain('Grüße')
})

test('a text that is written comes with its content, a long one is stored, and a path is no name', async () => {
  const short = await call('write_file', { name: 'a.md', content: '# Hi' })
  expect(short).toEqual({ output: 'Wrote a.md, 4 bytes.', files: [{ name: 'a.md', content: '# Hi' }] })
  const long = await call('write_file', { name: 'b.md', content: 'x'.repeat(200_000) })
  expect(long.files).toEqual([{ name: 'b.md', fileId: 'b.md' }])
  for (const name of ['../a.md', '/etc/passwd', 'none', '', 7])
    await expect(call('write_file', { name, content: '' })).rejects.toThrow('The name must be a plain file name')
})

const sales = {
  name: 'Sales 2026.csv',
  content: '\uFEFFcity;zip;amount\nBerlin;01067;12.5\nRome;00118;7\n"Ber;n";x;\n',
}

test('tables are told with types, gaps and ranges', async () => {
  const { output } = await call('describe_data', { files: ['Sales 2026.csv'] }, [sales])
  const [table] = JSON.parse(output) as TableSummary[]
  expect(table).toMatchObject({ table: 'sales_2026', file: 'Sales 2026.csv', rows: 3 })
  expect(table!.columns).toEqual([
    { name: 'city', type: 'text', empty: 0, distinct: 3, min: 'Ber;n', max: 'Rome' },
    { name: 'zip', type: 'text', empty: 0, distinct: 3, min: '00118', max: 'x' },
    { name: 'amount', type: 'number', empty: 1, distinct: 2, min: 7, max: 12.5 },
  ])
  expect(table!.sample[0]).toEqual(['Berlin', '01067', 12.5])
})

test('SQL joins tables of several files, and the result becomes a file that can be read again', async () => {
  const people = {
    name: 'people.json',
    content: '[{"city":"Berlin","name":"Ada","tags":["a"]},{"city":"Rome","name":"Bo"}]',
  }
  const sql = 'select p.name, s.amount, p.tags from sales_2026 s join people p on p.city = s.city order by p.name'
  const args = { files: ['Sales 2026.csv', 'people.json'], sql }
  const plain = await call('query_data', args, [sales, people])
  expect(plain.output).toBe('2 rows.\n["name","amount","tags"]\n["Ada",12.5,"[\\"a\\"]"]\n["Bo",7,null]')
  const csv = await call('query_data', { ...args, save_as: 'out.csv' }, [sales, people])
  expect(csv.files).toEqual([{ name: 'out.csv', content: 'name,amount,tags\nAda,12.5,"[""a""]"\nBo,7,\n' }])
  const json = await call('query_data', { ...args, save_as: 'out.json' }, [sales, people])
  expect(JSON.parse(json.files![0]!.content!)).toEqual([
    { name: 'Ada', amount: 12.5, tags: '["a"]' },
    { name: 'Bo', amount: 7, tags: null },
  ])
  const xlsx = await call('query_data', { ...args, save_as: 'out.xlsx' }, [sales, people])
  const again = await call(
    'query_data',
    { files: ['out.xlsx'], sql: 'select sum(amount) as total from out' },
    xlsx.files,
  )
  expect(again.output).toBe('1 row.\n["total"]\n[19.5]')
})

test('every sheet of a workbook is a table; formulas give their results, dates are texts', async () => {
  const book = new ExcelJS.Workbook()
  const one = book.addWorksheet('Q1')
  one.addRow(['day', 'amount'])
  one.addRow([new Date('2026-01-02T00:00:00Z'), { formula: '1+1', result: 2 }])
  book.addWorksheet('Q2').addRows([
    ['a', 'a'],
    ['x', 'y'],
  ])
  const bytes = Buffer.from(await book.xlsx.writeBuffer())
  const { output } = await call('describe_data', { files: ['book.xlsx'] }, [file('book.xlsx', bytes)])
  const tables = JSON.parse(output) as TableSummary[]
  expect(tables.map(({ table, columns }) => [table, columns.map(({ name }) => name)])).toEqual([
    ['book_q1', ['day', 'amount']],
    ['book_q2', ['a', 'a_2']],
  ])
  expect(tables[0]!.sample).toEqual([['2026-01-02', 2]])
})

test.each([
  ['drop table sales_2026'],
  ["attach database 'stewrd-out.db' as o"],
  ["insert into sales_2026 values ('a', 'b', 1)"],
  ['pragma table_info(sales_2026)'],
  ["select load_extension('x')"],
  ["vacuum into 'stewrd-out.db'"],
])('%s is refused: only reading is allowed', async (sql) => {
  await expect(call('query_data', { files: ['Sales 2026.csv'], sql }, [sales])).rejects.toThrow(ToolError)
  await expect(call('query_data', { files: ['Sales 2026.csv'], sql }, [sales])).rejects.toThrow(
    /Only a SELECT|query is wrong/,
  )
})

test('a wrong query says what is wrong with it, a wrong file which there are', async () => {
  await expect(
    call('query_data', { files: ['Sales 2026.csv'], sql: 'select nope from sales_2026' }, [sales]),
  ).rejects.toThrow('The query is wrong: no such column: nope.')
  await expect(call('describe_data', { files: ['no.csv'] }, [sales])).rejects.toThrow(
    'There is no file "no.csv". The files are "Sales 2026.csv".',
  )
  await expect(call('describe_data', { files: ['a.json'] }, [{ name: 'a.json', content: '{' }])).rejects.toThrow(
    'The file a.json is not valid JSON.',
  )
})

const endless = { name: 'a.json', bytes: Buffer.from('[{"a":1}]') }
const forever = 'with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n'

const runsForever = async () => ({ type: 'query', files: [endless], sql: forever, saveAs: null }) as const

test('a query without an end is stopped, and so is one whose run is', async () => {
  await expect(runJob('p', runsForever, never, { timeoutMs: 1_000 })).rejects.toThrow(
    'Reading took longer than 1 seconds and was stopped.',
  )
  const stop = new AbortController()
  const running = runJob('p', runsForever, stop.signal)
  stop.abort(new Error('cancelled'))
  await expect(running).rejects.toThrow('cancelled')
})

test('what needs too much memory ends its own process only', async () => {
  const wide = Buffer.from(JSON.stringify(Array.from({ length: 300_000 }, (_, i) => ({ a: `${i}`.repeat(20), b: i }))))
  await expect(
    runJob('p', async () => ({ type: 'describe', files: [{ name: 'a.json', bytes: wide }] }) as const, never, {
      heapMb: 32,
    }),
  ).rejects.toThrow('The file could not be read: it needs more memory than a tool may use.')
})

test('a process that holds more memory than a tool may use is ended, whatever kind of memory that is', async () => {
  await expect(runJob('p', runsForever, never, { memoryMb: 20 })).rejects.toThrow(
    'The file could not be read: it needs more memory than a tool may use.',
  )
})

test('files of other projects are read while one project keeps its share busy, and what it asks for beyond that is refused', async () => {
  const stop = new AbortController()
  const busy = Array.from({ length: availableParallelism() + 5 }, () => runJob('greedy', runsForever, stop.signal))
  const describe = async () => ({ type: 'describe', files: [endless] }) as const
  expect(await runJob('another', describe, never)).toMatchObject([{ table: 'a', rows: 1 }])
  const more = Array.from({ length: 40 }, () => async () => runJob('greedy', runsForever, stop.signal))
  const settled = Promise.allSettled([...busy, ...more.map((start) => start())])
  stop.abort(new Error('over'))
  const reasons = (await settled).map((one) => (one.status === 'rejected' ? String(one.reason) : one.status))
  expect(new Set(reasons)).toEqual(
    new Set([
      'Error: over',
      'ToolError: Too many files of this project are waiting to be read. Try again in a minute.',
    ]),
  )
})
