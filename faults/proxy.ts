import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { connect, createServer } from 'node:net'

/**
 * What happens to connections: `pass`; `refuse` cuts them and new ones at once; `blackhole` keeps them open and moves no byte;
 * `half-close` lets requests through and loses every answer; `delay` moves everything 200 ms late.
 */
export type ProxyMode = 'pass' | 'refuse' | 'blackhole' | 'half-close' | 'delay'
export type FaultProxy = {
  port: number
  mode(now: ProxyMode): void
  /** Where connections lead from now on. */
  target(port: number): void
  close(): Promise<void>
}

const LATE_MS = 200

/** A wire to the database that can be broken in every way that a network breaks. */
export async function startFaultProxy(): Promise<FaultProxy> {
  const sockets = new Set<Socket>()
  let mode: ProxyMode = 'pass'
  let target = 0
  const server = createServer((client) => {
    if (mode === 'refuse') return void client.resetAndDestroy()
    const database = connect(target, '127.0.0.1')
    for (const socket of [client, database]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        database.destroy()
      })
    }
    client.on('data', (chunk) => move(chunk, database, mode))
    database.on('data', (chunk) => move(chunk, client, mode === 'half-close' ? 'blackhole' : mode))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: (server.address() as AddressInfo).port,
    mode(now) {
      // What was swallowed is lost for good: a connection that lost bytes must not be used again.
      if (now === 'refuse' || mode === 'blackhole' || mode === 'half-close') cut()
      mode = now
    },
    target: (port) => (target = port),
    async close() {
      server.close()
      cut()
      await once(server, 'close')
    },
  }
}

function move(chunk: Buffer, to: Socket, mode: ProxyMode): void {
  if (mode === 'blackhole') return
  if (mode !== 'delay') return void to.write(chunk)
  setTimeout(() => {
    if (!to.destroyed) to.write(chunk)
  }, LATE_MS)
}
