import { readFileSync } from 'node:fs'
import type { RunFile } from '@stewrd/core/kernel/run-file.ts'
import ExcelJS from 'exceljs'
import { beforeEach, expect, test } from 'vitest'
import type { ToolContext } from '../loop/tool.ts'
import { ToolError } from '../loop/tool.ts'
import { dataTools } from './data-tools.ts'
import { fileTools } from './files-tools.ts'
import type { TableSummary } from './worker/jobs.ts'
import { runJob } from './worker/run-job.ts'

const stored = new Map<string, Buffer>()
const kept = {
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

test('a query without an end is stopped, and so is one whose run is', async () => {
  const job = { type: 'query', files: [endless], sql: forever, saveAs: null } as const
  await expect(runJob(job, never, { timeoutMs: 1_000 })).rejects.toThrow(
    'Reading took longer than 1 seconds and was stopped.',
  )
  const stop = new AbortController()
  const running = runJob(job, stop.signal)
  stop.abort(new Error('cancelled'))
  await expect(running).rejects.toThrow('cancelled')
})

test('what needs too much memory ends its own process only', async () => {
  const wide = Buffer.from(JSON.stringify(Array.from({ length: 300_000 }, (_, i) => ({ a: `${i}`.repeat(20), b: i }))))
  await expect(
    runJob({ type: 'describe', files: [{ name: 'a.json', bytes: wide }] }, never, { heapMb: 32 }),
  ).rejects.toThrow('The file could not be read: it needs more memory than a tool may use.')
})
