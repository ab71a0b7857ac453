import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/** People who signed in on one device and are remembered on it. */
const MOST = 4
const DAYS = 400

export type DeviceCookie = {
  /** The device, if this person signed in on it before. */
  deviceOf(cookies: string | undefined, email: string): string | undefined
  /** `Set-Cookie` after a sign-in; keeps what the device holds for others. */
  remember(cookies: string | undefined, email: string): string
}

/**
 * Tells a device on which a person signed in before from any other. It opens nothing: it only says whose attempts are counted apart.
 * Stateless: an entry is the random id of a device and a MAC over it and the person.
 */
export function deviceCookie({
  secret,
  secure,
  path,
}: {
  secret: string
  secure: boolean
  path: string
}): DeviceCookie {
  const name = `${secure ? '__Secure-' : ''}stewrd.device`
  const mac = (id: string, email: string) =>
    createHmac('sha256', secret).update(`device\0${id}\0${email.toLowerCase()}`).digest()
  const entriesIn = (cookies = '') => {
    const value = cookies
      .split(/;\s*/)
      .find((one) => one.startsWith(`${name}=`))
      ?.slice(name.length + 1)
    return (value?.split('~') ?? []).filter((entry) => /^[\w-]{22}\.[\w-]{43}$/.test(entry)).slice(0, MOST)
  }
  const isOf = (entry: string, email: string) => {
    const [id = '', tag = ''] = entry.split('.')
    const given = Buffer.from(tag, 'base64url')
    return given.length === 32 && timingSafeEqual(given, mac(id, email))
  }
  const find = (cookies: string | undefined, email: string) => entriesIn(cookies).find((entry) => isOf(entry, email))
  return {
    deviceOf: (cookies, email) => find(cookies, email)?.split('.')[0],
    remember(cookies, email) {
      const id = randomBytes(16).toString('base64url')
      const own = find(cookies, email) ?? `${id}.${mac(id, email).toString('base64url')}`
      const value = [own, ...entriesIn(cookies).filter((entry) => entry !== own)].slice(0, MOST).join('~')
      const maxAge = DAYS * 86_400
      return `${name}=${value}; Max-Age=${maxAge}; Path=${path}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`
    },
  }
}
