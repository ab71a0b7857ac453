import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { contractErrors } from '@stewrd/core/runs/wire.ts'
import { expect, test } from 'vitest'
import { operations } from '../../openapi/operations.ts'
import { elsewhere, rows } from './testing/rows.ts'

const here = import.meta.dirname
const root = join(here, '../../../../..')
const texts = readdirSync(here)
  .filter((file) => file.endsWith('.test.ts') && file !== 'rows.test.ts')
  .map((file) => readFileSync(join(here, file), 'utf8'))
const run = texts.flatMap((text) => [...text.matchAll(/\bconforms(?:OnBoth)?\(\s*'([^']+)'/g)].map(([, row]) => row!))

test('each row of the contract has one test here, and each test here is a row', () => {
  expect(run.toSorted()).toEqual([...rows].toSorted())
})

test.each(Object.entries(elsewhere))('%s: its test is where the table says', (_row, { file, title }) => {
  expect(readFileSync(join(root, file), 'utf8')).toContain(`test('${title}'`)
})

test('each code has a row', () => {
  const codes = rows.flatMap((row) => /^error: ([a-z]+_[a-z_]+)/.exec(row)?.[1] ?? [])
  expect([...new Set(codes)].toSorted()).toEqual(Object.keys(contractErrors).toSorted())
})

test('each route has a row', () => {
  const routes = operations.map(({ method, path }) => `${method.toUpperCase()} ${path}`)
  const told = rows.flatMap((row) => /^endpoint: (\w+ \/v1\S+)$/.exec(row)?.[1] ?? [])
  expect(told.toSorted()).toEqual(routes.toSorted())
})
