import { Secret } from '@stewrd/crypto/secret.ts'
import type { TRPCClient } from '@trpc/client'
import { createTRPCClient, httpLink } from '@trpc/client'
import type { AppRouter } from '../app-router.ts'
import type { AppOptions } from '../app.ts'
import { createApp } from '../app.ts'
import { createLogger } from '../kernel/log.ts'
import type { Platform } from '../platform.ts'

/** An owner who is signed in, on a server that listens. `answers` is every byte that it ever answered. */
export type TestServer = {
  url: string
  cookie: string
  client: TRPCClient<AppRouter>
  answers: string[]
  logs: string[]
  userId: string
  close(): Promise<void>
}

export const owner = { name: 'Ada', email: 'ada@example.com', password: 'correct horse battery' }

type Options = Pick<AppOptions, 'publicUrl' | 'edge' | 'onRoute'>

export async function listen(platform: Platform, dashboard?: string, options: Options = {}): Promise<TestServer> {
  const logs: string[] = []
  const log = createLogger({ production: true, logLevel: 'trace' }, { write: (line) => void logs.push(line) })
  const app = await createApp({ platform, log, ...options, ...(dashboard === undefined ? {} : { dashboard }) })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const { userId } = await platform.createOwner({ ...owner, password: new Secret(owner.password) })
  const answers: string[] = []
  const cookie = await signIn(url, owner)
  return { url, cookie, client: clientOf(url, cookie, answers), answers, logs, userId, close: () => app.close() }
}

export async function signIn(url: string, { email, password }: { email: string; password: string }): Promise<string> {
  const response = await fetch(`${url}/api/auth/sign-in/email`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: url },
    body: JSON.stringify({ email, password }),
  })
  if (!response.ok) throw new Error(`sign-in answered ${response.status}: ${await response.text()}`)
  return response.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';', 1)[0])
    .join('; ')
}

export function clientOf(url: string, cookie: string, answers: string[] = []): TRPCClient<AppRouter> {
  return createTRPCClient<AppRouter>({
    links: [
      httpLink({
        url: `${url}/trpc`,
        headers: { cookie },
        async fetch(input, init) {
          const response = await fetch(input as string, init as RequestInit)
          const text = await response.text()
          answers.push(text, JSON.stringify([...response.headers]))
          return new Response(text, response)
        },
      }),
    ],
  })
}
