import { createApp } from '../../app.ts'
import { readEnv } from '../../env.ts'
import { createLogger } from '../../kernel/log.ts'
import { createPlatform } from '../../platform.ts'

// node.ts (server|command): another server on the same database; as a command it runs agents but sends nothing. Says where it listens.
const as = process.argv[2] === 'server' ? 'server' : 'command'
const log = createLogger({ production: true, logLevel: 'trace' }, process.stderr)
const webhookTimes = { retryMs: [200, 400], timeoutMs: 60_000, lateMs: 60_000, sweepMs: 1000 }
const platform = await createPlatform(readEnv(), { as, log, webhookTimes })
const app = await createApp({ platform, log })
process.stdout.write(`${await app.listen({ port: 0, host: '127.0.0.1' })}\n`)
