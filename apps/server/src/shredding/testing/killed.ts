import { readEnv } from '../../env.ts'
import { createLogger } from '../../kernel/log.ts'
import { createPlatform } from '../../platform.ts'
import { shredProject } from '../shred.ts'

// killed.ts STEP PROJECT: begins to shred a project, and dies as by a power cut after STEP.
const [dieAfter, projectId] = process.argv.slice(2)
const onStep = (step: string) => {
  if (step === dieAfter) process.kill(process.pid, 'SIGKILL')
}
const log = createLogger({ production: true, logLevel: 'silent' })
const platform = await createPlatform(readEnv(), { as: 'command', log })
await shredProject(platform, projectId!, { actor: 'operator:cli', early: true, onStep })
await platform.close()
