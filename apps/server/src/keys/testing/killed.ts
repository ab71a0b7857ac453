import { readEnv } from '../../env.ts'
import { createLogger } from '../../kernel/log.ts'
import { createPlatform } from '../../platform.ts'
import { rotateData } from '../rotate-data.ts'
import { rotateMaster } from '../rotate-master.ts'

// killed.ts STEP [PROJECT]: begins a rotation, of the master key or of a project's data keys, and dies as by a power cut after STEP.
const [dieAfter, projectId] = process.argv.slice(2)
const onStep = (step: string) => {
  if (step === dieAfter) process.kill(process.pid, 'SIGKILL')
}
const log = createLogger({ production: true, logLevel: 'silent' })
const platform = await createPlatform(readEnv(), { as: 'command', log })
const options = { actor: 'operator:cli', onStep }
await (projectId === undefined ? rotateMaster(platform, options) : rotateData(platform, projectId, options))
await platform.close()
