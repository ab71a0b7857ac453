import { Command, CommanderError } from 'commander'
import { auditCommands } from './cli/audit.ts'
import { backupCommands } from './cli/backup.ts'
import { creditsCommands } from './cli/credits.ts'
import { keysCommands } from './cli/keys.ts'
import { llmCommands } from './cli/llm.ts'
import { operateCommands } from './cli/operate.ts'
import { endWithOutput, exitCodes, fail, usageError } from './cli/output.ts'
import { projectCommands } from './cli/projects.ts'

endWithOutput()
// `--json` may stand anywhere, as people type it.
const asked = process.argv.slice(2).filter((arg) => arg !== '--')
const json = asked.includes('--json')

const program = new Command('stewrd')
  .description(
    'Run and audit a Stewrd deployment. Works beside a running server on the same STEWRD_HOME, and without one.',
  )
  .option('--json', 'one JSON object, or one a line for lists')
  .exitOverride()
  // With --json what is wrong is one object, said below.
  .configureOutput({ writeErr: (text) => void (json || process.stderr.write(text)) })
  .configureHelp({ showGlobalOptions: true })

operateCommands(program)
projectCommands(program)
llmCommands(program)
auditCommands(program)
keysCommands(program)
creditsCommands(program)
backupCommands(program)

try {
  await program.parseAsync([...(json ? ['--json'] : []), ...asked.filter((arg) => arg !== '--json')], { from: 'user' })
} catch (error) {
  // Commander has said what it has to say; help and version are no errors.
  if (!(error instanceof CommanderError)) process.exitCode = fail(json, error)
  else if (error.exitCode === 0) process.exitCode = exitCodes.ok
  else process.exitCode = json ? fail(json, usageError(error.message)) : exitCodes.usage
}
