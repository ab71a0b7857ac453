import { once } from 'node:events'
import type { AddressInfo, Server, Socket } from 'node:net'
import { connect, createServer } from 'node:net'

/** A database that can be stopped and started again at the same address. */
export type Relay = {
  url: string
  stop(): Promise<void>
  start(): Promise<void>
  /** As a database that stands still (SIGSTOP): connections are taken, nothing is answered. `oldOnly`: new connections work. */
  freeze(options?: { oldOnly: boolean }): void
  /** What was sent meanwhile arrives. */
  thaw(): void
}

export async function startRelay(target: string): Promise<Relay> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  let frozen = false
  let server: Server
  const listen = async (at: number) => {
    server = createServer((client) => {
      const database = connect(Number(port), hostname)
      join(client, database, sockets)
      if (frozen) for (const socket of [client, database]) hold(socket)
    }).listen(at, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
  const own = await listen(0)
  const url = new URL(target)
  url.host = `127.0.0.1:${own}`
  return {
    url: url.href,
    async start() {
      await listen(own)
    },
    async stop() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
    freeze({ oldOnly } = { oldOnly: false }) {
      frozen = !oldOnly
      for (const socket of sockets) hold(socket)
    },
    thaw() {
      frozen = false
      for (const socket of sockets) pass(socket)
    },
  }
}

const peers = new WeakMap<Socket, Socket>()
const hold = (socket: Socket) => socket.unpipe().pause()
const pass = (socket: Socket) => socket.pipe(peers.get(socket)!)

function join(client: Socket, database: Socket, sockets: Set<Socket>) {
  peers.set(client, database).set(database, client)
  for (const socket of [client, database]) {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => {
      sockets.delete(socket)
      client.destroy()
      database.destroy()
    })
    pass(socket)
  }
}
