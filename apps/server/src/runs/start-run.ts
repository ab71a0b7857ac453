import { randomUUID } from 'node:crypto'
import { fileStream } from '@stewrd/core/files/files.ts'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { Meters } from '@stewrd/core/kernel/execute.ts'
import { GuardMoved } from '@stewrd/core/kernel/execute.ts'
import type { RunFile } from '@stewrd/core/kernel/run-file.ts'
import { isInPlan, NO_PLAN } from '@stewrd/core/kernel/plan.ts'
import type { RunStartedData } from '@stewrd/core/runs/events.ts'
import { runs, runStream } from '@stewrd/core/runs/runs.ts'
import type { RunRequest } from '@stewrd/core/runs/wire.ts'
import { capabilityCredits } from '@stewrd/core/runs/wire.ts'
import { runFilesOf } from '../files/run-files.ts'
import { errorFields } from '../kernel/log.ts'
import { newId } from '@stewrd/db/new-id.ts'
import { authorOf } from './by-api-key.ts'
import { withModel } from './allowance.ts'
import { ContractError } from './contract-error.ts'
import type { Credential, Credentials, RunTarget } from './credentials.ts'
import type { RunsDeps } from './deps.ts'

/** What a client asks for, however it came in. `idempotent`: the id that its key stands for, and the digest of the request. */
export type Asked = {
  request: RunRequest
  object: RunStartedData['object']
  sessionId: string | null
  /** Absent: a new one. */
  runId?: string
  idempotent?: { runId: string; digest: string }
  /** The client's choice, in place of the project's model. */
  model?: string | undefined
  /** Throws when what is asked is more than this target may be asked for. */
  accept?: (target: RunTarget) => void
}
export type StartedRun = {
  runId: string
  credential: Credential
  target: RunTarget
  started: RunStartedData
  revision: number
  /** How the project stands in its minute, where that is limited. */
  minute: Meters['minute'] | undefined
}

/** What this version's runs can do. */
export const available = ['chat', 'data', 'files'] as const
const TRIES = 8
/** Refusals that the project's owner can have cured meanwhile. */
const ofConfiguration: readonly string[] = [
  'capability_not_enabled',
  'plan_restricted',
  'service_unavailable',
  'model_not_found',
  'invalid_body',
]

/**
 * Starts a run: one round trip, the append of `RunStarted`, on the condition that the API key, the configuration and the project are still
 * what this node remembers. If not, it looks again. So no run starts on a key, model or API key that an acknowledged change replaced.
 */
export async function startRun(
  deps: RunsDeps,
  credentials: Credentials,
  authorization: string | undefined,
  asked: Asked,
): Promise<StartedRun> {
  const runId = asked.idempotent?.runId ?? asked.runId ?? newId(deps.now())
  // Two requests with one idempotency key are two commands: the second must find the run, not be taken for a repeated first.
  const commandId = asked.idempotent ? `start:${runId}:${randomUUID()}` : `start:${runId}`
  let files: RunFile[] | undefined
  for (let tries = 0; tries < TRIES; tries++) {
    const credential = await credentials.of(authorization, { reload: tries > 0 })
    try {
      const target = withModel(targetOf(credential), asked.model)
      asked.accept?.(target)
      const capabilities = capabilitiesOf(asked.request, credential)
      files ??= await filesFor(deps, asked.request, credential, { runId, capabilities })
      const run = startOf(deps, asked, credential, { target, capabilities, files })
      const id = { accountId: deps.accountId, projectId: credential.projectId, stream: runStream(runId) }
      const meta = {
        commandId,
        ...authorOf(credential),
        expectedRevision: 0,
      }
      const start = { projectId: credential.projectId, runId, limits: credential.limits, credits: run.credits }
      const { revision, meters } = await deps.tolls.pass(start, (toll) =>
        deps.store.execute(runs, id, { type: 'StartRun', run }, { ...meta, ...toll }),
      )
      return { runId, credential, target, started: run, revision, minute: meters?.minute }
    } catch (error) {
      // What is remembered may be from before a capability was switched on, or a key was set.
      const remembered = tries === 0 && error instanceof ContractError && ofConfiguration.includes(error.code)
      if (remembered || error instanceof GuardMoved || deps.tolls.mayHaveChanged(credential.projectId, error)) continue
      if (files) await dropFiles(deps, credential, asked.request, files)
      throw error
    }
  }
  throw new ContractError(
    'service_unavailable',
    'The configuration of this project changes too fast to start a run. Try again.',
    { retryAfter: 1 },
  )
}

/** Somebody started a run under this id already. */
export const isTaken = (error: unknown) =>
  error instanceof Refusal && ['RUN_EXISTS', 'REVISION_MOVED', 'COMMAND_REUSED'].includes(error.code)

export function targetOf({ target }: Pick<Credential, 'target'>): RunTarget {
  if (target) return target
  throw new ContractError(
    'service_unavailable',
    'This project has no provider key, and this server has no default model. Set a key for the project, or STEWRD_DEFAULT_API_KEY and STEWRD_DEFAULT_MODEL for the server.',
  )
}

/** What a run goes on with, as its events say it. */
export const configOf = ({ revision }: Pick<Credential, 'revision'>, target: RunTarget) => ({
  provider: target.provider.provider,
  baseUrl: target.provider.baseUrl,
  model: target.model,
  keySource: target.source,
  configRevision: revision,
  keyFingerprint: target.fingerprint,
})

type With = { target: RunTarget; capabilities: readonly (typeof available)[number][]; files: RunFile[] }

function startOf(
  deps: RunsDeps,
  asked: Asked,
  credential: Credential,
  { target, capabilities, files }: With,
): RunStartedData {
  const { request, object, sessionId, idempotent } = asked
  return {
    object,
    message: request.message,
    files,
    tools: request.tools ?? [],
    capabilities: [...capabilities],
    stream: request.stream ?? false,
    sessionId,
    requestDigest: idempotent?.digest ?? null,
    ...configOf(credential, target),
    credits: capabilities.reduce((sum, c) => sum + capabilityCredits[c], 0),
    node: deps.node,
    deadline: deps.now() + deps.limits.run,
    plan: credential.plan?.name ?? NO_PLAN,
  }
}

function filesFor(
  { files, streamOwner }: RunsDeps,
  request: RunRequest,
  credential: Credential,
  run: Pick<With, 'capabilities'> & { runId: string },
): Promise<RunFile[]> {
  const { projectId } = credential
  const owns = async (fileId: string) => (await streamOwner(fileStream(fileId))) === projectId
  return runFilesOf(files.service, { projectId, author: authorOf(credential), owns, ...run }, request.files ?? [])
}

/** What was stored of a request that is turned away is not kept; what was uploaded before stays. */
async function dropFiles(
  { files, log }: RunsDeps,
  { projectId }: Credential,
  request: RunRequest,
  sent: readonly RunFile[],
) {
  for (const [i, { fileId }] of sent.entries())
    if (fileId !== undefined && request.files?.[i]?.file_id === undefined)
      await files.service
        .remove({ projectId, fileId }, { actor: 'system:runtime' })
        .catch((error: unknown) => log.warn({ err: errorFields(error) }, 'a file of a refused run was not removed'))
}

function capabilitiesOf({ capabilities, tools }: RunRequest, credential: Credential) {
  const { plan } = credential
  const enabled = available.filter((c) => credential.capabilities.includes(c) && isInPlan(plan, c))
  // With tools of the client's own a run is chat only.
  const asked = tools?.length ? (['chat'] as const) : (capabilities ?? enabled)
  const missing = asked.find((c) => !enabled.includes(c as (typeof available)[number]))
  if (plan && missing && !isInPlan(plan, missing))
    throw new ContractError(
      'plan_restricted',
      `The capability ${missing} is not in the plan ${plan.name} of this project.`,
    )
  if (missing)
    throw new ContractError('capability_not_enabled', `The capability ${missing} is not enabled for this project.`)
  if (!asked.length)
    throw new ContractError(
      'capability_not_enabled',
      'No capability is enabled for this project. Enable chat in the dashboard.',
    )
  return asked as typeof enabled
}
