import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'

/** A source file; `path` is relative to the root of the repository, with `/`. */
export type Source = { path: string; text: string }
export type Import = { from: string; to: string; typeOnly: boolean }

/** What an import names after resolution: a path in the repository, or a package or builtin as written. */
const specifiers = /^\s*(?:import|export)\s+(type\s+)?(?:[\w$*\s{},]*?\bfrom\s*)?['"]([^'"]+)['"]/gm
const dynamic = /\bimport\s*\(\s*['"]([^'"]+)['"]/g

/** The code without its comments. A `//` after a colon is the middle of a URL. */
const codeOf = (text: string) => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(?<!:)\/\/.*/g, '')

/** Tests, and what only tests use, may reach for more than the code that ships. */
export const isTest = (path: string) =>
  /\.test\.tsx?$|\.testing\.ts$|\/test(ing|kit)\/|\/test-world\.ts$|(vite|vitest)\.config\.ts$/.test(path)

export function importsOf({ path, text }: Source): Import[] {
  const code = codeOf(text)
  const fixed = [...code.matchAll(specifiers)].map(([, type, to]) => ({ to: to!, typeOnly: type !== undefined }))
  const lazy = [...code.matchAll(dynamic)].map(([, to]) => ({ to: to!, typeOnly: false }))
  return [...fixed, ...lazy].map(({ to, typeOnly }) => ({ from: path, to: resolve(path, to), typeOnly }))
}

function resolve(from: string, to: string): string {
  if (to.startsWith('.')) return posix.join(posix.dirname(from), to)
  if (to.startsWith('@/')) return `apps/web/src/${to.slice(2)}`
  const [, name, rest] = /^@stewrd\/([^/]+)\/?(.*)$/.exec(to) ?? []
  if (name === undefined) return to
  return `${name === 'server' || name === 'web' ? 'apps' : 'packages'}/${name}/src/${rest}`
}

/** The workspace that a path lies in, or undefined for a package or builtin. */
const workspaceOf = (path: string) => /^(?:packages|apps)\/([^/]+)\/|^(bench)\//.exec(path)?.slice(1).find(Boolean)
const packageOf = (to: string) => (to.startsWith('@') ? to.split('/').slice(0, 2).join('/') : to.split('/')[0]!)

/** The only arrows between workspaces (design: packages). */
const arrows: Record<string, readonly string[]> = {
  core: [],
  crypto: [],
  db: ['core', 'crypto'],
  runtime: ['core'],
  web: ['core'],
  server: ['core', 'crypto', 'db', 'runtime'],
  bench: ['core', 'crypto', 'db', 'runtime', 'server'],
}
const appRouter = 'apps/server/src/app-router.ts'

/** Packages and builtins, where a workspace is held to a list. */
const externals: Record<string, (to: string, from: string) => boolean> = {
  core: (to) => to === 'zod',
  crypto: (to, from) =>
    /^node:(crypto|util|zlib)$/.test(to) ||
    (from.endsWith('/keyring-file.ts') && /^node:(fs|path)/.test(to)) ||
    (from.endsWith('/pkcs11-module.ts') && to === 'node:module'),
  web: (to) => !to.startsWith('node:') && packageOf(to) !== 'postgres',
}

function arrowProblem({ from, to, typeOnly }: Import): string | undefined {
  const [own, other] = [workspaceOf(from), workspaceOf(to)]
  if (own === undefined || own === other) return undefined
  if (other === undefined) {
    const allowed = isTest(from) || (externals[own]?.(to, from) ?? true)
    return allowed ? undefined : `${own} may not import ${to}`
  }
  if (own === 'web' && typeOnly && to === appRouter) return undefined
  return arrows[own]?.includes(other) ? undefined : `${own} may not import ${other}`
}

const sliceOf = (path: string) => /^packages\/core\/src\/([^/]+)\//.exec(path)?.[1]

function siblingProblem({ from, to }: Import): string | undefined {
  const [own, other] = [sliceOf(from), sliceOf(to)]
  if (!own || !other || own === other || other === 'kernel' || own === 'audit') return undefined
  return `the slice ${own} may not import its sibling ${other}`
}

const network = /^(node:)?(https?|http2|net|tls|dgram|dns)(\/|$)|^undici$/
const mayConnect = (path: string) =>
  isTest(path) || path.startsWith('packages/runtime/src/egress/') || path.startsWith('bench/')

/** Files that listen or look at a port, and never call out. */
const listeners = ['packages/db/src/embedded/launch.ts']

const networkProblem = ({ from, to, typeOnly }: Import) =>
  network.test(to) && !typeOnly && !mayConnect(from) && !listeners.includes(from)
    ? `only packages/runtime/src/egress may import ${to}`
    : undefined

/** Where this machine's own clock may be read. Pages run on a machine of their own, and benchmarks measure one. */
const readsMachineClock = (path: string) =>
  path === 'packages/db/src/clock.ts' || workspaceOf(path) === 'web' || workspaceOf(path) === 'bench'

/** Words that may not stand in code, and where. A page in a browser calls its own server, so `fetch` is free there. */
function wordProblems({ path, text }: Source): string[] {
  if (isTest(path)) return []
  const code = codeOf(text)
  const fetches = /(?<![.\w])fetch\(|\bglobalThis\.fetch\(/.test(code)
  const machineClock = /\bDate\.now\b|\bnew Date\(\)/.exec(code)
  const impure = /\b(Date\.now|new Date\(\)|Math\.random|process\.|setTimeout|setInterval|crypto\.get)/.exec(code)
  return [
    ...(fetches && !mayConnect(path) && workspaceOf(path) !== 'web'
      ? ['only packages/runtime/src/egress may fetch']
      : []),
    ...(machineClock && workspaceOf(path) !== 'core' && !readsMachineClock(path)
      ? [`only packages/db/src/clock.ts may read this machine's clock: ${machineClock[0]}`]
      : []),
    ...(workspaceOf(path) === 'core' && impure ? [`core has no clock, randomness or process: ${impure[0]}`] : []),
  ]
}

/** Everything in `sources` that breaks the layers, one line each. */
export function layeringProblems(sources: readonly Source[]): string[] {
  const imports = sources.flatMap(importsOf)
  const rules = [arrowProblem, siblingProblem, networkProblem]
  const broken = imports.flatMap((i) =>
    rules.flatMap((rule) => rule(i) ?? []).map((problem) => `${i.from}: ${problem}`),
  )
  const words = sources.flatMap((s) => wordProblems(s).map((problem) => `${s.path}: ${problem}`))
  return [...broken, ...words, ...cycles(imports).map((cycle) => `cycle: ${cycle.join(' → ')}`)]
}

/** Each cycle once, found by a depth-first walk. Types are erased, so they close no cycle. */
function cycles(imports: readonly Import[]): string[][] {
  const edges = Map.groupBy(
    imports.filter((i) => !i.typeOnly),
    (i) => i.from,
  )
  const done = new Set<string>()
  const found: string[][] = []
  const visit = (path: string, trail: readonly string[]) => {
    const start = trail.indexOf(path)
    if (start >= 0) return void found.push([...trail.slice(start), path])
    if (done.has(path)) return
    for (const { to } of edges.get(path) ?? []) visit(to, [...trail, path])
    done.add(path)
  }
  for (const path of edges.keys()) visit(path, [])
  return found
}

/** Every source file of the workspaces under `root`. */
export function readSources(root: URL): Source[] {
  return ['packages', 'apps', 'bench'].flatMap((top) =>
    readdirSync(new URL(`${top}/`, root), { recursive: true, encoding: 'utf8' })
      .map((name) => `${top}/${name.replaceAll('\\', '/')}`)
      .filter((path) => /\.tsx?$/.test(path) && !/(^|\/)(node_modules|dist)\/|\.gen\.ts$/.test(path))
      .map((path) => ({ path, text: readFileSync(new URL(path, root), 'utf8') })),
  )
}
