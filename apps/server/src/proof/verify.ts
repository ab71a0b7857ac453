import { createHash } from 'node:crypto'
import type { BundleFacts, VerifyOptions } from './checker.ts'
import { Checker, parse } from './checker.ts'
import { Head } from './format.ts'
import type { Line } from './lines.ts'
import { linesOf } from './lines.ts'
import { BundleRefused } from './refused.ts'

const MAX_README = 64 * 1024

/** Checks a whole bundle as it is read, in memory that does not grow with it. Throws BundleRefused at the first thing that is wrong. */
export async function verifyBundle(
  chunks: AsyncIterable<Uint8Array>,
  options: VerifyOptions = {},
): Promise<BundleFacts> {
  const lines = linesOf(chunks)
  const digest = createHash('sha256')
  const checked = await readHead(lines, digest, options)
  let checker: Checker | undefined = checked
  let last = 0
  for await (const line of lines) {
    last = line.number
    if (!checker) throw new BundleRefused('MALFORMED', 'something follows the end', { line: line.number })
    if (line.text.startsWith('{"end":')) {
      checker.end(line, digest.digest())
      checker = undefined
      continue
    }
    digest.update(line.bytes)
    if (line.text.startsWith('{"checkpoint":')) checker.checkpoint(line)
    else checker.event(line)
  }
  if (checker)
    throw new BundleRefused('TRUNCATED', `the file stops after line ${last}: its end with the seal is missing`)
  return checked.facts()
}

type Digest = { update(bytes: Buffer): unknown }

async function readHead(lines: AsyncGenerator<Line>, digest: Digest, options: VerifyOptions): Promise<Checker> {
  let read = 0
  for (;;) {
    const { value: line, done } = await lines.next()
    if (done) throw new BundleRefused('TRUNCATED', 'the file has no record')
    if (line.number === 1 && line.text !== '# Stewrd proof bundle')
      throw new BundleRefused('NOT_A_BUNDLE', 'this is not a Stewrd proof bundle: it does not begin as one')
    digest.update(line.bytes)
    if (!line.text.startsWith('#')) return new Checker(parse(Head, line), line, options)
    read += line.bytes.length
    if (read > MAX_README) throw new BundleRefused('MALFORMED', 'the text at the beginning is too long')
  }
}
