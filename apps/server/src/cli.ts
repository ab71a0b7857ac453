import { Command, CommanderError } from 'commander'
import { auditCommands } from './cli/audit.ts'
import { backupCommands } from './cli/backup.ts'
import { creditsCommands } from './cli/credits.ts'
import { keysCommands } from './cli/keys.ts'
import { llmCommands } from './cli/llm.ts'
import { operateCommands } from './cli/operate.ts'
import { exitCodes, fail } from './cli/output.ts'
import { projectCommands } from './cli/projects.ts'

const program = new Command('stewrd')
  .description(
    'Run and audit a Stewrd deployment. Works beside a running server on the same STEWRD_HOME, and without one.',
  )
  .option('--json', 'one JSON object, or one a line for lists')
  .exitOverride()
  .configureHelp({ showGlobalOptions: true })

operateCommands(program)
projectCommands(program)
llmCommands(program)
auditCommands(program)
keysCommands(program)
creditsCommands(program)
backupCommands(program)

// `--json` may stand anywhere, as people type it.
const asked = process.argv.slice(2).filter((arg) => arg !== '--')
const json = asked.includes('--json')
try {
  await program.parseAsync([...(json ? ['--json'] : []), ...asked.filter((arg) => arg !== '--json')], { from: 'user' })
} catch (error) {
  // Commander has said what it has to say; help and version are no errors.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
  else process.exitCode = fail(json, error)
}
