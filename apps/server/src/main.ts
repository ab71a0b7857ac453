import { setTimeout as wait } from 'node:timers/promises'
import { lockHome } from '@stewrd/db/embedded/home.ts'
import { createApp } from './app.ts'
import type { Env } from './env.ts'
import { readEnv } from './env.ts'
import { explain } from './kernel/explain.ts'
import { createLogger, errorFields } from './kernel/log.ts'
import { Stopping } from './kernel/stopping.ts'
import type { ServerPlatform } from './platform.ts'
import { createPlatform } from './platform.ts'
import { welcome } from './welcome.ts'

/** After notice and drain: for handing over, for open connections, and for the database. */
const CLOSE_WITHIN_MS = 15_000
/** A process that cannot reach its database has little to close. */
const STUCK_WITHIN_MS = 5_000
/** A signal so soon after the first is the same one: a terminal sends it to the whole group, and a package manager passes it on. */
const SAME_SIGNAL_MS = 1_000

// Whoever reads what this process says may be gone, or the disk full that it goes to.
for (const output of [process.stdout, process.stderr]) output.on('error', () => {})
const say = (line: string) => process.stderr.write(`${line}\n`)

await start().catch((error: unknown) => {
  say(explain(error).message)
  process.exit(1)
})

async function start(): Promise<void> {
  const env = readEnv()
  const log = createLogger(env)
  if (env.ignoredProxies.length > 0)
    say(
      `· Not used: ${env.ignoredProxies.join(', ')}. Stewrd calls providers and webhooks directly, so this machine must reach them without a proxy.`,
    )
  const lock = await lockHome(env.home)
  const platform = await createPlatform(env, { as: 'server', onProgress: (step) => say(`· ${step}`), log })
  const stopping = new Stopping()
  const app = await createApp({ platform, log, publicUrl: env.publicUrl, edge: env.edge, stopping })
  const { noticeMs, drainMs } = env.edge
  const stop = once(async () => {
    setTimeout(() => process.exit(1), noticeMs + drainMs + CLOSE_WITHIN_MS).unref()
    stopping.begin()
    await wait(noticeMs, undefined, { signal: stopping.hurried }).catch(() => {})
    await app.close()
    await platform.close()
    await lock.release()
  })
  let asked: number | undefined
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      asked ??= performance.now()
      if (performance.now() - asked > SAME_SIGNAL_MS) return stopping.hurry()
      say('· Stopping: what runs may finish. Ask again to stop without waiting.')
      stop().then(
        () => process.exit(0),
        (error: unknown) => {
          log.error({ err: errorFields(error) }, 'stop failed')
          process.exit(1)
        },
      )
    })
  platform.watch(() => {
    log.fatal(
      'the connections to the database do not answer, though a new one does: this process ends, to be started again',
    )
    say(
      'The connections to the database are stuck, though a new one works. Stewrd ends with an error, to be started again.',
    )
    // What runs cannot be recorded here: it goes on elsewhere.
    setTimeout(() => process.exit(1), STUCK_WITHIN_MS)
    stopping.hurry()
    stop().then(
      () => process.exit(1),
      () => process.exit(1),
    )
  })
  try {
    await app.listen({ port: env.port, host: env.host })
  } catch (error) {
    stopping.hurry()
    await stop()
    throw error
  }
  const url = addressOf(env, app.server.address())
  await lock.announce(url)
  await announce(env, platform, url)
}

async function announce(env: Env, platform: ServerPlatform, url: string): Promise<void> {
  const token = (await platform.setup.ownerExists()) ? undefined : await platform.setup.newToken()
  // Standard output carries JSON lines in production, and nothing else.
  const output = env.production ? process.stderr : process.stdout
  output.write(welcome({ url, home: env.home, token, fallback: platform.fallback }))
}

function addressOf(env: Env, address: unknown): string {
  if (env.publicUrl) return env.publicUrl
  const port = typeof address === 'object' && address && 'port' in address ? String(address.port) : String(env.port)
  const host = ['0.0.0.0', '::'].includes(env.host) ? 'localhost' : env.host
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined
  return () => (running ??= work())
}
