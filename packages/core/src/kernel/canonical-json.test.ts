import { expect, test } from 'vitest'
import { canonicalJson } from './canonical-json.ts'

test('equal values give equal text: keys are sorted, and what is undefined is left out', () => {
  expect(canonicalJson({ b: 1, a: [{ d: null, c: undefined }, undefined], '"ü': 'x\n', B: true, 10: 0, 9: {} })).toBe(
    '{"\\"ü":"x\\n","10":0,"9":{},"B":true,"a":[{"d":null},null],"b":1}',
  )
  expect(canonicalJson('a')).toBe('"a"')
})
