import { MAX_LINE } from './format.ts'
import { BundleRefused } from './refused.ts'

/** A line with its bytes, the newline included. `number` counts from 1. */
export type Line = { text: string; bytes: Buffer; number: number }

/** The lines of a file as it is read. Throws BundleRefused for what no bundle has: a line without end, or bytes that are not UTF-8. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  let parts: Buffer[] = []
  let held = 0
  let number = 1
  for await (const chunk of chunks) {
    let rest = Buffer.from(chunk)
    for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a)) {
      const bytes = Buffer.concat([...parts, rest.subarray(0, end + 1)])
      if (bytes.length > MAX_LINE) throw tooLong(number)
      yield { text: textOf(bytes, number), bytes, number }
      rest = rest.subarray(end + 1)
      parts = []
      held = 0
      number += 1
    }
    held += rest.length
    if (held > MAX_LINE) throw tooLong(number)
    if (rest.length > 0) parts.push(rest)
  }
  if (held > 0) throw new BundleRefused('TRUNCATED', 'the file ends in the middle of this line', { line: number })
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function textOf(bytes: Buffer, line: number): string {
  try {
    return decoder.decode(bytes.subarray(0, -1))
  } catch {
    throw new BundleRefused('MALFORMED', 'it is not UTF-8', { line })
  }
}

const tooLong = (line: number) =>
  new BundleRefused('MALFORMED', `it is longer than ${MAX_LINE / 1024 / 1024} MiB`, { line })
