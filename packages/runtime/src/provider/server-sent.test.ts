import { expect, test } from 'vitest'
import { dataOf } from './server-sent.ts'

async function* pieces(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

test.each(['\n', '\r\n', '\r'])(
  'each event’s data comes whole, however it is cut into pieces, with lines that end in %j',
  async (end) => {
    const lines = [
      ': a comment',
      '',
      'event: x',
      'data: {"ü":1}',
      '',
      'id: 3',
      '',
      'data:a',
      'data: b',
      '',
      'data: [DONE]',
    ]
    const bytes = new TextEncoder().encode(lines.join(end))
    for (const size of [1, 2, 7, 1000])
      expect(await Array.fromAsync(dataOf(pieces(bytes, size)))).toEqual(['{"ü":1}', 'a\nb', '[DONE]'])
  },
)
