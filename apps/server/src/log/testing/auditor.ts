import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

/** Where Debian's golang-golang-x-mod-dev puts golang.org/x/mod. */
const GOPATH = '/usr/share/gocode'

const programs = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'go'))
/** Whether the outside program can be built here. CI requires it, and says so with STEWRD_TEST_GO=required. */
export const hasGo =
  programs.some((path) => existsSync(path)) && existsSync(`${GOPATH}/src/golang.org/x/mod/sumdb/tlog`)
export const goIsRequired = process.env.STEWRD_TEST_GO === 'required'

export type Verdict = { accepted: boolean; said: string }
export type Program = { run(...args: string[]): Promise<Verdict>; remove(): Promise<void> }
export type Auditor = {
  run(url: string, verifierKey: string, olderCheckpointFile?: string): Promise<Verdict>
  remove(): Promise<void>
}

/** The outside program that reads a log over HTTP. */
export const buildAuditor = (): Promise<Auditor> => buildProgram(new URL('auditor/main.go', import.meta.url).pathname)

/** Builds a program that knows nothing of this repository's code. */
export async function buildProgram(source: string): Promise<Program> {
  const folder = await mkdtemp(join(tmpdir(), 'stewrd-auditor-'))
  const path = join(folder, 'program')
  const env = { ...process.env, GO111MODULE: 'off', GOPATH, GOCACHE: join(folder, 'cache'), CGO_ENABLED: '0' }
  await run('go', ['build', '-o', path, source], { env })
  return {
    run: (...args) =>
      run(path, args).then(
        ({ stdout }) => ({ accepted: true, said: stdout }),
        (error: { stderr?: string }) => ({ accepted: false, said: error.stderr ?? '' }),
      ),
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}

const run = promisify(execFile)
