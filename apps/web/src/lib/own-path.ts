/** Where `next` leads on this site, or the start page: an address that a link brings must not lead to another site. */
export function ownPath(next: string | undefined, origin: string): string {
  const url = next?.startsWith('/') ? URL.parse(next, origin) : null
  if (!url || url.origin !== origin) return '/'
  const path = url.pathname + url.search + url.hash
  // What is left of "/.//evil.example" would be read as a host.
  return path.startsWith('//') ? '/' : path
}
