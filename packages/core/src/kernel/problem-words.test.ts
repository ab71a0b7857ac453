import { expect, test } from 'vitest'
import { databaseProblem, knownCodes, systemProblem } from './problem-words.ts'

const said = [
  ...knownCodes.database.map((code) => ['database', code, databaseProblem(code)] as const),
  ...knownCodes.system.map((code) => ['system', code, systemProblem(code)] as const),
]

test.each(said)('%s: %s is said in words, with what to do about it', (_, code, text) => {
  expect(text).toMatch(/^[A-Z].{15,}\. [A-Z].{8,}\.$/)
  expect(text).toContain(`(${code})`)
  expect(text!.split(/\. (?=[A-Z])/)).toHaveLength(2)
})

test('a code that is not known has no words', () => {
  expect([databaseProblem('99999'), systemProblem('ENOPE')]).toEqual([undefined, undefined])
  expect(databaseProblem('constructor')).toBeUndefined()
})
