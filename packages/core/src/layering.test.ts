import { expect, test } from 'vitest'
import type { Source } from './layering.testing.ts'
import { importsOf, layeringProblems, readSources } from './layering.testing.ts'

const file = (path: string, ...lines: string[]): Source => ({ path, text: lines.join('\n') })
const problems = (...sources: Source[]) => layeringProblems(sources)

test('the layers of this repository hold', () => {
  const sources = readSources(new URL('../../../', import.meta.url))
  expect(new Set(sources.map((s) => s.path.split('/').slice(0, 2).join('/')))).toContain('packages/core')
  expect(sources.flatMap(importsOf).length).toBeGreaterThan(100)
  expect(layeringProblems(sources)).toEqual([])
})

test('every spelling of an import is seen', () => {
  const source = file(
    'apps/server/src/a.ts',
    `import { x } from './b.ts'`,
    `import type {\n  Y,\n} from "../c/d.ts"`,
    `import '@stewrd/core/kernel/ids.ts'`,
    `export * from '@stewrd/db/history.ts'`,
    `export type { Z } from 'zod'`,
    `const lazy = await import('node:fs')`,
    `// import gone from './gone.ts'`,
    `/* import gone from './gone.ts' */`,
  )
  expect(importsOf(source).map((i) => [i.to, i.typeOnly])).toEqual([
    ['apps/server/src/b.ts', false],
    ['apps/server/c/d.ts', true],
    ['packages/core/src/kernel/ids.ts', false],
    ['packages/db/src/history.ts', false],
    ['zod', true],
    ['node:fs', false],
  ])
})

test.each([
  ['core', 'packages/core/src/a.ts', '@stewrd/crypto/mac.ts'],
  ['core', 'packages/core/src/a.ts', 'node:fs'],
  ['core', 'packages/core/src/a.ts', 'vitest'],
  ['core', 'packages/core/src/a.test.ts', '@stewrd/db/history.ts'],
  ['core', 'packages/core/src/a.ts', '../../db/src/history.ts'],
  ['crypto', 'packages/crypto/src/a.ts', '@stewrd/core/kernel/ids.ts'],
  ['crypto', 'packages/crypto/src/a.ts', 'node:fs'],
  ['crypto', 'packages/crypto/src/a.ts', 'zod'],
  ['db', 'packages/db/src/a.ts', '@stewrd/runtime/loop/run-loop.ts'],
  ['runtime', 'packages/runtime/src/a.ts', '@stewrd/crypto/secret.ts'],
  ['runtime', 'packages/runtime/src/a.ts', '@stewrd/db/history.ts'],
  ['web', 'apps/web/src/a.tsx', '@stewrd/crypto/secret.ts'],
  ['web', 'apps/web/src/a.tsx', 'node:path'],
  ['server', 'apps/server/src/a.ts', '@stewrd/web/main.tsx'],
])('%s may not: %s imports %s', (own, path, to) => {
  const found = problems(file(path, `import { a } from '${to}'`))
  expect(found).toHaveLength(1)
  expect(found[0]).toContain(`${path}: ${own} may not import`)
})

test('a type is an arrow too', () =>
  expect(problems(file('packages/runtime/src/a.ts', `import type { A } from '@stewrd/db/history.ts'`))).toHaveLength(1))

test('the web sees the server only as the type of its router', () => {
  const router = '@stewrd/server/app-router.ts'
  expect(problems(file('apps/web/src/a.ts', `import type { AppRouter } from '${router}'`))).toEqual([])
  expect(problems(file('apps/web/src/a.ts', `import { appRouter } from '${router}'`))).toHaveLength(1)
  expect(problems(file('apps/web/src/a.ts', `import type { Env } from '@stewrd/server/env.ts'`))).toHaveLength(1)
})

test('the arrows of the design are free', () =>
  expect(
    problems(
      file('packages/core/src/llm/a.ts', `import { z } from 'zod'`, `import { b } from '../kernel/b.ts'`),
      file('packages/core/src/catalog.ts', `import { a } from './llm/a.ts'`),
      file('packages/core/src/audit/a.ts', `import { a } from '../llm/a.ts'`),
      file('packages/crypto/src/keyring-file.ts', `import { open } from 'node:fs/promises'`),
      file('packages/db/src/a.ts', `import { a } from '@stewrd/crypto/mac.ts'`, `import postgres from 'postgres'`),
      file('apps/server/src/a.ts', `import { a } from '@stewrd/runtime/loop/run-loop.ts'`, `import f from 'fastify'`),
    ),
  ).toEqual([]))

test('a slice may not import its sibling, and the kernel imports no slice', () => {
  expect(problems(file('packages/core/src/runs/a.ts', `import { a } from '../projects/events.ts'`))).toEqual([
    'packages/core/src/runs/a.ts: the slice runs may not import its sibling projects',
  ])
  expect(problems(file('packages/core/src/kernel/a.ts', `import type { A } from '../llm/events.ts'`))).toHaveLength(1)
})

test('a cycle is named with the way round', () =>
  expect(
    problems(
      file('packages/db/src/a.ts', `import './b.ts'`),
      file('packages/db/src/b.ts', `import './c.ts'`),
      file('packages/db/src/c.ts', `import './b.ts'`),
    ),
  ).toEqual(['cycle: packages/db/src/b.ts → packages/db/src/c.ts → packages/db/src/b.ts']))

test.each(['node:http', 'node:https', 'https', 'node:http2', 'node:net', 'node:tls', 'node:dns/promises', 'undici'])(
  'only the egress module imports %s',
  (to) => {
    const line = `import x from '${to}'`
    expect(problems(file('apps/server/src/a.ts', line))).toHaveLength(1)
    expect(problems(file('packages/runtime/src/provider/a.ts', line))).toHaveLength(1)
    expect(problems(file('packages/runtime/src/egress/a.ts', line))).toEqual([])
    expect(problems(file('packages/runtime/src/testing/a.ts', line))).toEqual([])
    expect(problems(file('apps/server/src/a.test.ts', line))).toEqual([])
  },
)

test('only the egress module fetches', () => {
  const fetching = (code: string) => problems(file('apps/server/src/a.ts', code)).length
  expect(fetching('await fetch(url)')).toBe(1)
  expect(fetching('globalThis.fetch(url)')).toBe(1)
  expect(fetching('egress.fetch(url); query.refetch()')).toBe(0)
  expect(fetching('// fetch(url)')).toBe(0)
})

test.each(['const at = Date.now()', 'const { now = Date.now } = options', 'const at = new Date()'])(
  "only the clock module reads this machine's clock: %s",
  (code) => {
    for (const path of ['apps/server/src/a.ts', 'packages/db/src/a.ts', 'packages/runtime/src/a.ts'])
      expect(problems(file(path, code))).toHaveLength(1)
    for (const path of ['packages/db/src/clock.ts', 'packages/db/src/a.test.ts', 'apps/web/src/a.ts', 'bench/a.ts'])
      expect(problems(file(path, code))).toEqual([])
    expect(problems(file('apps/server/src/a.ts', 'const began = performance.now(); new Date(at)'))).toEqual([])
  },
)

test.each(['Date.now()', 'new Date()', 'Math.random()', 'process.env', 'setTimeout(f, 1)'])(
  'core has no %s',
  (code) => {
    expect(problems(file('packages/core/src/llm/a.ts', `const x = ${code}`))).toHaveLength(1)
    expect(problems(file('packages/core/src/llm/a.test.ts', `const x = ${code}`))).toEqual([])
  },
)
