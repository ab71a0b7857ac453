import { createEgress } from '@stewrd/runtime/egress/egress.ts'
import { expect, onTestFinished, test } from 'vitest'
import { send } from './send.ts'
import { newSigningSecret } from './signature.ts'
import { startReceiver, status } from './testing/receiver.ts'

const request = { id: 'w1', body: '{"event":"webhook.test"}', secrets: [newSigningSecret()], now: 0, timeoutMs: 2000 }

test('an address that became private after it was set is refused when it is dialled', async () => {
  const trap = await startReceiver()
  const resolve = (_name: string, _options: unknown, found: (error: null, all: object[]) => void) =>
    found(null, [{ address: '127.0.0.1', family: 4 }])
  const egress = createEgress({ resolve: resolve as never })
  onTestFinished(() => Promise.all([egress.close(), trap.close()]).then(() => {}))
  const port = trap.host.split(':')[1]!
  for (const url of [`https://rebound.example:${port}/hook`, trap.url, `https://127.0.0.1:${port}/`, 'http://8.8.8.8/'])
    expect(await send(egress, { ...request, url }), url).toMatchObject({ error: 'ADDRESS_REFUSED', responseCode: null })
  expect(trap.seen).toEqual([])
})

test('a redirect to a private address is refused, with its status, and the trap sees nothing', async () => {
  const trap = await startReceiver()
  const receiver = await startReceiver()
  const egress = createEgress({ allow: [receiver.host] })
  onTestFinished(() => Promise.all([egress.close(), trap.close(), receiver.close()]).then(() => {}))
  for (const code of [301, 302, 303, 307, 308]) {
    receiver.answer(status(code, { location: trap.url }))
    const sent = await send(egress, { ...request, url: receiver.url })
    expect(sent).toMatchObject({ error: 'REDIRECT_REFUSED', responseCode: code })
  }
  expect(trap.seen).toEqual([])
})
