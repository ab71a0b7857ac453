import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { connect, createServer } from 'node:net'

export type Proxy = {
  url: string
  /** From now on what the database answers is lost, on every connection. */
  swallowAnswers(): void
  /** Cuts every connection. */
  cut(): void
  close(): Promise<void>
}

/** A wire to the database that can lose answers, so that "between send and answer" is a certain moment. */
export async function startProxy(target: string, listenOn = 0): Promise<Proxy> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  let deaf = false
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', (chunk) => upstream.write(chunk))
    upstream.on('data', (chunk) => {
      if (!deaf) client.write(chunk)
    })
  }).listen(listenOn, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(target)
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as AddressInfo).port)
  const cut = () => {
    deaf = false
    for (const socket of sockets) socket.destroy()
  }
  return {
    url: url.href,
    swallowAnswers: () => (deaf = true),
    cut,
    async close() {
      server.close()
      cut()
      await once(server, 'close')
    },
  }
}
