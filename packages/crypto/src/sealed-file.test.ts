import { createSecretKey, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { DataKey } from './data-key.ts'
import { CHUNK_BYTES, CHUNK_OVERHEAD, chunksOf, openChunk, sealChunks } from './sealed-file.ts'

const key: DataKey = { id: 'dek', purpose: 'event', epoch: 1, key: createSecretKey(randomBytes(32)) }
const aad = { accountId: 'a', projectId: 'p', fileId: 'f', dekId: 'dek' }

const sealed = (parts: readonly Uint8Array[]) => Array.fromAsync(sealChunks(key, aad, parts))
const opened = (chunks: readonly Uint8Array[]) =>
  Buffer.concat(chunks.map((chunk, index) => openChunk(key, aad, chunk, { index, last: index === chunks.length - 1 })))

test.each([0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])(
  '%i bytes come back, in chunks whose lengths tell where each one stands',
  async (size) => {
    const content = randomBytes(size)
    const chunks = await sealed([content])
    expect(chunks).toHaveLength(chunksOf(size))
    for (const chunk of chunks.slice(0, -1)) expect(chunk).toHaveLength(CHUNK_BYTES + CHUNK_OVERHEAD)
    expect(opened(chunks).equals(content)).toBe(true)
  },
)

test('however the content is cut when it comes in, what is sealed is the same', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 2 * CHUNK_BYTES }), { minLength: 1, maxLength: 5 }),
      async (sizes) => {
        const parts = sizes.map((size) => randomBytes(size))
        const chunks = await sealed(parts)
        expect(chunks).toHaveLength(chunksOf(sizes.reduce((a, b) => a + b)))
        expect(opened(chunks).equals(Buffer.concat(parts))).toBe(true)
      },
    ),
    { numRuns: 30 },
  ))

test('a chunk opens at its own place, of its own file, with its own key only', async () => {
  const chunks = await sealed([randomBytes(2 * CHUNK_BYTES + 5)])
  const first = chunks[0]!
  expect(() => openChunk(key, aad, first, { index: 1, last: false })).toThrow('ENVELOPE_TAMPERED')
  expect(() => openChunk(key, aad, first, { index: 0, last: true })).toThrow('ENVELOPE_TAMPERED')
  expect(() => opened(chunks.slice(0, 2))).toThrow('ENVELOPE_TAMPERED')
  expect(() => opened([chunks[1]!, first, chunks[2]!])).toThrow('ENVELOPE_TAMPERED')
  for (const field of ['accountId', 'projectId', 'fileId'] as const)
    expect(() => openChunk(key, { ...aad, [field]: 'other' }, first, { index: 0, last: false })).toThrow(
      'ENVELOPE_TAMPERED',
    )
  expect(() => openChunk({ ...key, purpose: 'secret' }, aad, first, { index: 0, last: false })).toThrow('WRONG_KEY')
  expect(() => openChunk({ ...key, id: 'other' }, aad, first, { index: 0, last: false })).toThrow('WRONG_KEY')
})

test('any flipped bit is refused', async () => {
  const [chunk] = await sealed([randomBytes(1000)])
  fc.assert(
    fc.property(fc.nat(chunk!.length - 1), fc.integer({ min: 0, max: 7 }), (place, bit) => {
      const flipped = Buffer.from(chunk!)
      flipped[place]! ^= 1 << bit
      expect(() => openChunk(key, aad, flipped, { index: 0, last: true })).toThrow(/ENVELOPE_/)
    }),
  )
})
