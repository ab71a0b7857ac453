import type { Server, Socket } from 'node:net'
import type { EdgeLimits } from './limits.ts'

type Limits = Pick<EdgeLimits, 'connections' | 'connectionsPerAddress'>

/** Bounds the connections of a server, and those of one address, so that one client cannot take all of them. `isTrusted`: proxies, which bring many clients. */
export function boundConnections(server: Server, limits: Limits, isTrusted: (address: string) => boolean): void {
  const open = new Map<string, number>()
  server.maxConnections = limits.connections
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress
    if (address === undefined || isTrusted(address)) return
    const client = clientOf(address)
    const count = (open.get(client) ?? 0) + 1
    if (count > limits.connectionsPerAddress) return void socket.destroy()
    open.set(client, count)
    socket.once('close', () => {
      const left = open.get(client)! - 1
      if (left > 0) open.set(client, left)
      else open.delete(client)
    })
  })
}

/** One customer of a provider has a whole /64 of IPv6. */
function clientOf(address: string): string {
  if (!address.includes(':')) return address
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped) return mapped
  const [head = '', tail] = address.split('%', 1)[0]!.split('::')
  const groups = head.split(':').filter(Boolean)
  if (tail !== undefined) groups.push(...Array<string>(8).fill('0'))
  return groups.slice(0, 4).join(':')
}
