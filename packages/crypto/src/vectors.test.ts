import { createCipheriv, createHash, createSecretKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { chainNext, GENESIS } from './chain.ts'
import type { EventAad } from './envelope.ts'
import { headerBytes, openEvent, sealEventWith } from './envelope.ts'

type Vector = {
  name: string
  key: string
  nonce: string
  salt: string
  aad: EventAad
  payload: string
  aadBytes: string
  padded: string
  envelope: string
  commitment: string
}
type ChainVector = {
  links: {
    header: EventAad & { commitment: string; commandId: string; n: number; commandMac: string }
    headerBytes: string
    envelope: string
    chain: string
  }[]
}

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../../testdata/${name}`, import.meta.url), 'utf8'))
const envelopes = read('envelope.json') as Vector[]
const chains = read('chain.json') as ChainVector
const hex = (text: string) => Buffer.from(text, 'hex')
const sha256 = (...parts: Uint8Array[]) =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest()

test.each(envelopes)('$name: sealed as docs/formats/envelope.md says', (v) => {
  const key = { id: v.aad.dekId, purpose: 'event' as const, epoch: 1, key: createSecretKey(hex(v.key)) }
  const sealed = sealEventWith(key, v.aad, hex(v.payload), { nonce: hex(v.nonce), salt: hex(v.salt) })
  expect(sealed.envelope.toString('hex')).toBe(v.envelope)
  expect(sealed.commitment.toString('hex')).toBe(v.commitment)
  expect(openEvent(key, v.aad, { envelope: hex(v.envelope), commitment: hex(v.commitment) }).toString('hex')).toBe(
    v.payload,
  )
})

test.each(envelopes)('$name: the same bytes, written straight from the page', (v) => {
  const u32 = (n: number) => hex(n.toString(16).padStart(8, '0'))
  const u64 = (n: number) => hex(n.toString(16).padStart(16, '0'))
  const field = (bytes: Buffer) => Buffer.concat([u32(bytes.length), bytes])
  const utf8 = (text: string) => field(Buffer.from(text, 'utf8'))
  const { aad } = v
  const aadBytes = Buffer.concat([
    utf8('stewrd/event/v1'),
    utf8(aad.accountId),
    utf8(aad.projectId),
    utf8(aad.stream),
    field(u64(aad.seq)),
    utf8(aad.eventId),
    utf8(aad.type),
    field(u64(aad.version)),
    utf8(aad.dekId),
    field(u64(aad.at)),
    utf8(aad.actor),
  ])
  expect(aadBytes.toString('hex')).toBe(v.aadBytes)
  const payload = hex(v.payload)
  const content = Buffer.concat([hex(v.salt), u32(payload.length), payload])
  const padded = Buffer.concat([content, Buffer.alloc((256 - (content.length % 256)) % 256)])
  expect(padded.toString('hex')).toBe(v.padded)
  const cipher = createCipheriv('aes-256-gcm', hex(v.key), hex(v.nonce), { authTagLength: 16 })
  cipher.setAAD(aadBytes)
  const text = Buffer.concat([cipher.update(padded), cipher.final()])
  const envelope = Buffer.concat([hex('01'), hex(v.nonce), text, cipher.getAuthTag()])
  expect(envelope.toString('hex')).toBe(v.envelope)
  expect(sha256(hex('03'), hex(v.salt), payload).toString('hex')).toBe(v.commitment)
})

test('the chain of the vectors, as docs/formats/chain.md says', () => {
  let previous: Buffer = GENESIS
  let specified: Buffer = Buffer.alloc(32)
  expect(chains.links.length).toBeGreaterThan(2)
  for (const link of chains.links) {
    const { commitment, commandMac, ...rest } = link.header
    const header = headerBytes({ ...rest, commitment: hex(commitment), commandMac: hex(commandMac) })
    expect(header.toString('hex')).toBe(link.headerBytes)
    previous = chainNext(previous, header, hex(link.envelope))
    expect(previous.toString('hex')).toBe(link.chain)
    specified = sha256(hex('02'), specified, sha256(hex(link.headerBytes)), sha256(hex(link.envelope)))
    expect(specified.toString('hex')).toBe(link.chain)
  }
})
