import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Program } from '../log/testing/auditor.ts'
import { buildProgram, goIsRequired, hasGo } from '../log/testing/auditor.ts'
import { foreignScript, makeLog, partsOf, signer, written } from './testing/made-log.ts'

let checker: Program
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stewrd-outside-'))
  if (hasGo) checker = await buildProgram(new URL('testing/checker/main.go', import.meta.url).pathname)
})
afterAll(async () => {
  await checker?.remove()
  if (folder) await rm(folder, { recursive: true })
})

const vector = (name: string) => new URL(`../../../../testdata/bundle/${name}`, import.meta.url).pathname
const said = async (path: string, edit: (text: string) => string = (text) => text) => {
  const file = join(folder, 'edited.proof')
  await writeFile(file, edit(await readFile(path, 'utf8')))
  return checker.run(signer.verifierKey, file)
}

test('Go is there where it is required', () => expect(hasGo || !goIsRequired).toBe(true))

test.runIf(hasGo)('a program that was written from the page alone accepts the vectors', async () => {
  const [project, run] = [await said(vector('project.proof')), await said(vector('run.proof'))]
  expect(project).toEqual({ accepted: true, said: 'accepted 9 events, 9 disclosed, of 11 entries\n' })
  expect(run).toEqual({ accepted: true, said: 'accepted 7 events, 6 disclosed, of 11 entries\n' })
})

test.runIf(hasGo)('and refuses what was edited', async () => {
  const edits: [(text: string) => string, RegExp][] = [
    [(t) => t.replace('gpt-4o', 'gpt-4x'), /payload of event 1 of llm:.* is not what was sealed/],
    [(t) => t.replace('"actor":"user:ada"', '"actor":"user:eve"'), /event 1 of llm:.* is not in the log/],
    [(t) => t.replace('database', 'Database'), /the seal is wrong/],
    [(t) => t.replace('\\n11\\n', '\\n12\\n'), /refused/],
    [(t) => t.split('\n').toSpliced(-3, 1).join('\n'), /the seal is wrong/],
  ]
  for (const [edit, why] of edits) {
    const verdict = await said(vector('project.proof'), edit)
    expect([verdict.accepted, verdict.said]).toEqual([false, expect.stringMatching(why)])
  }
})

test.runIf(hasGo)('it accepts events of another project as the page says, and no others', async () => {
  const file = join(folder, 'foreign.proof')
  await writeFile(file, await written(await partsOf(makeLog(foreignScript), { foreign: true, sizes: [2, 6] })))
  const accepted = '2 in a stream of another project than their own\naccepted 5 events, 3 disclosed, of 6 entries\n'
  expect(await said(file)).toEqual({ accepted: true, said: accepted })
  const edits: [(text: string) => string, RegExp][] = [
    [(t) => t.replace('bundle/v2', 'bundle/v1'), /an event is of another project/],
    [(t) => t.split('\n').toSpliced(-6, 1).join('\n'), /event 3 of file:a does not follow/],
    [(t) => t.split('\n').toSpliced(-4, 1).join('\n'), /the beginning of file:b is missing/],
  ]
  for (const [edit, why] of edits) {
    const verdict = await said(file, edit)
    expect([verdict.accepted, verdict.said]).toEqual([false, expect.stringMatching(why)])
  }
})
