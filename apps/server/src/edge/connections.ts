import type { Server, Socket } from 'node:net'
import { networkOf } from '../auth/throttle.ts'
import type { EdgeLimits } from './limits.ts'

type Limits = Pick<EdgeLimits, 'connections' | 'connectionsPerAddress'>

/** Bounds the connections of a server, and those of one address, so that one client cannot take all of them. `isTrusted`: proxies, which bring many clients. */
export function boundConnections(server: Server, limits: Limits, isTrusted: (address: string) => boolean): void {
  const open = new Map<string, number>()
  server.maxConnections = limits.connections
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress
    if (address === undefined || isTrusted(address)) return
    const client = networkOf(address)
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
