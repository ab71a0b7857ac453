import { afterAll, beforeAll, expect, test } from 'vitest'
import { createApp } from '../app.ts'
import { createLogger } from '../kernel/log.ts'
import type { TestPlatform } from '../testing/platform.ts'
import { testPlatform } from '../testing/platform.ts'
import { clientOf, signIn } from '../testing/server.ts'

let tested: TestPlatform
let url: string
let close: () => Promise<void>
beforeAll(async () => {
  tested = await testPlatform()
  const app = await createApp({
    platform: tested.platform,
    log: createLogger({ production: true, logLevel: 'silent' }),
  })
  url = await app.listen({ port: 0, host: '127.0.0.1' })
  close = () => app.close()
})
afterAll(async () => {
  await close?.()
  await tested?.close()
})

const person = { name: 'Grace', email: 'Grace@Example.com', password: 'a long enough password' }

test('the owner account is made once, through the newest link', async () => {
  const client = clientOf(url, '')
  const { setup } = tested.platform
  expect(await client.setup.status.query()).toEqual({ ownerExists: false })
  const older = (await setup.newToken()).reveal()
  const token = (await setup.newToken()).reveal()
  await expect(client.setup.createOwner.mutate({ ...person, token: older })).rejects.toMatchObject({
    data: { code: 'FORBIDDEN' },
  })
  await expect(client.setup.createOwner.mutate({ ...person, password: 'short', token })).rejects.toMatchObject({
    data: { refusal: { code: 'INVALID_INPUT', details: { field: 'password' } } },
  })
  const attempts = await Promise.allSettled([
    client.setup.createOwner.mutate({ ...person, token }),
    client.setup.createOwner.mutate({ ...person, email: 'second@example.com', token }),
  ])
  expect(attempts.map((a) => a.status).toSorted()).toEqual(['fulfilled', 'rejected'])
  expect(await client.setup.status.query()).toEqual({ ownerExists: true })
  await expect(client.setup.createOwner.mutate({ ...person, email: 'third@example.com', token })).rejects.toMatchObject(
    {
      data: { code: 'FORBIDDEN' },
    },
  )
  const [made] = attempts.flatMap((a, i) => (a.status === 'fulfilled' ? [i] : []))
  const email = made === 0 ? 'grace@example.com' : 'second@example.com'
  expect(await clientOf(url, await signIn(url, { email, password: person.password })).me.query()).toMatchObject({
    email,
  })
})
