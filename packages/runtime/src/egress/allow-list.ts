/** The private hosts that the operator lets calls go to, as `host:port` (`[::1]:port`). */
export function allowList(entries: readonly string[]): (hostname: string, port: number) => boolean {
  const allowed = new Set(entries.map((entry) => entry.trim().toLowerCase().replace(/[[\]]/g, '')))
  return (hostname, port) => allowed.has(`${hostname.toLowerCase()}:${port}`)
}
