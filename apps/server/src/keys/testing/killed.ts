import { readEnv } from '../../env.ts'
import { createLogger } from '../../kernel/log.ts'
import { createPlatform } from '../../platform.ts'
import { rotateData } from '../rotate-data.ts'
import { rotateMaster } from '../rotate-master.ts'
import { retireKey } from '../service.ts'

// killed.ts STEP master | data PROJECT | retire KEY: begins, and dies as by a power cut after STEP.
const [dieAfter, what, name = ''] = process.argv.slice(2)
const onStep = (step: string) => {
  if (step === dieAfter) process.kill(process.pid, 'SIGKILL')
}
const log = createLogger({ production: true, logLevel: 'silent' })
const platform = await createPlatform(readEnv(), { as: 'command', log })
const options = { actor: 'operator:cli', onStep }
if (what === 'retire') await retireKey(platform, name, options.actor, onStep)
else if (what === 'data') await rotateData(platform, name, options)
else await rotateMaster(platform, options)
await platform.close()
