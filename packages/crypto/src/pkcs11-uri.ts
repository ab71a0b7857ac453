/** Which key in which token, reached through which library. The PIN is never part of it, only the file that holds it. */
export type Pkcs11Uri = { modulePath: string; token: string; object: string; pinSource?: string }

/** Why a `pkcs11:` URI cannot be used. Holds attribute names, never values: somebody may have put a PIN into it. */
export class Pkcs11UriError extends Error {
  override readonly name = 'Pkcs11UriError'
}

/**
 * Reads `pkcs11:token=T;object=K?module-path=/lib.so&pin-source=file:/path` (RFC 7512, these four attributes).
 * Refuses `pin-value`: a URI is seen by whoever sees the environment or a log.
 */
export function parsePkcs11Uri(uri: string): Pkcs11Uri {
  const [, path = '', query = ''] = /^pkcs11:([^?]*)(?:\?(.*))?$/.exec(uri) ?? []
  const given = new Map([...attributes(path, ';'), ...attributes(query, '&')])
  if (given.has('pin-value'))
    throw new Pkcs11UriError('must not hold a PIN. Use pin-source=file:…, or STEWRD_PKCS11_PIN')
  const unknown = [...given.keys()].find((name) => !known.has(name))
  if (unknown !== undefined)
    throw new Pkcs11UriError('has an attribute other than token, object, module-path, pin-source')
  const need = (name: string) => {
    const value = given.get(name)
    if (!value) throw new Pkcs11UriError(`needs ${name}=…, as in ${example}`)
    return value
  }
  const pinSource = given.get('pin-source')?.replace(/^file:(\/\/)?/, '')
  return {
    modulePath: need('module-path'),
    token: need('token'),
    object: need('object'),
    ...(pinSource === undefined ? {} : { pinSource }),
  }
}

const example = 'pkcs11:token=stewrd;object=kek-1?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/run/pin'
const known = new Set(['token', 'object', 'module-path', 'pin-source', 'pin-value'])

function attributes(text: string, separator: string): [string, string][] {
  return text
    .split(separator)
    .filter(Boolean)
    .map((part) => {
      const at = part.indexOf('=')
      if (at < 1) throw new Pkcs11UriError(`has a part without "=", unlike ${example}`)
      return [part.slice(0, at), decode(part.slice(at + 1))]
    })
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    throw new Pkcs11UriError('has a % that is not followed by two hexadecimal digits')
  }
}
