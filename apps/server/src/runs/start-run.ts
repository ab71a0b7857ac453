import { GuardMoved } from '@stewrd/core/kernel/execute.ts'
import { uuidv7 } from '@stewrd/core/kernel/ids.ts'
import type { RunRequest } from '@stewrd/core/runs/wire.ts'
import { capabilityCredits } from '@stewrd/core/runs/wire.ts'
import { runs, runStream } from '@stewrd/core/runs/runs.ts'
import { randomBytes } from 'node:crypto'
import { ContractError } from './contract-error.ts'
import type { Credential, Credentials, RunTarget } from './credentials.ts'
import type { RunsDeps } from './deps.ts'

export type StartedRun = {
  runId: string
  credential: Credential
  target: RunTarget
  capabilities: readonly string[]
  credits: number
}

/** What this version's runs can do. */
const available = ['chat'] as const
const TRIES = 8

/**
 * Starts a run: one round trip, the append of `RunStarted`, on the condition that the API key, the configuration and the project are still
 * what this node remembers. If not, it looks again. So no run starts on a key, model or API key that an acknowledged change replaced.
 */
export async function startRun(
  deps: RunsDeps,
  credentials: Credentials,
  authorization: string | undefined,
  request: RunRequest,
): Promise<StartedRun> {
  const runId = uuidv7(deps.now(), randomBytes(10))
  for (let tries = 0; tries < TRIES; tries++) {
    const credential = await credentials.of(authorization, { reload: tries > 0 })
    const capabilities = capabilitiesOf(request, credential)
    const { target } = credential
    if (!target)
      throw new ContractError(
        'service_unavailable',
        'This project has no provider key, and this server has no default model. Set a key for the project, or STEWRD_DEFAULT_API_KEY and STEWRD_DEFAULT_MODEL for the server.',
      )
    const credits = capabilities.reduce((sum, c) => sum + capabilityCredits[c], 0)
    const run = {
      object: 'agent.response' as const,
      message: request.message,
      files: request.files ?? [],
      capabilities: [...capabilities],
      stream: request.stream ?? false,
      provider: target.provider.provider,
      baseUrl: target.provider.baseUrl,
      model: target.model,
      keySource: target.source,
      configRevision: credential.revision,
      keyFingerprint: target.fingerprint,
      credits,
      node: deps.node,
    }
    try {
      const id = { accountId: deps.accountId, projectId: credential.projectId, stream: runStream(runId) }
      const meta = {
        commandId: `start:${runId}`,
        actor: `api-key:${credential.keyId}`,
        expectedRevision: 0,
        guards: credential.guards,
      }
      await deps.store.execute(runs, id, { type: 'StartRun', run }, meta)
      return { runId, credential, target, capabilities, credits }
    } catch (error) {
      if (!(error instanceof GuardMoved)) throw error
    }
  }
  throw new ContractError(
    'service_unavailable',
    'The configuration of this project changes too fast to start a run. Try again.',
    { retryAfter: 1 },
  )
}

function capabilitiesOf({ capabilities }: RunRequest, credential: Credential) {
  const enabled = available.filter((c) => credential.capabilities.includes(c))
  const asked = capabilities ?? enabled
  const missing = asked.find((c) => !enabled.includes(c as (typeof available)[number]))
  if (missing)
    throw new ContractError('capability_not_enabled', `The capability ${missing} is not enabled for this project.`)
  if (!asked.length)
    throw new ContractError(
      'capability_not_enabled',
      'No capability is enabled for this project. Enable chat in the dashboard.',
    )
  return asked as typeof enabled
}
