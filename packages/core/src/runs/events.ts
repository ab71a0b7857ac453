import { z } from 'zod'
import { defineEvent } from '../kernel/event.ts'
import { RunFile } from '../kernel/run-file.ts'

const Tokens = z.strictObject({ input: z.int().min(0), output: z.int().min(0) })
const Step = z.int().min(1)

/** A tool of the client's own. `parameters` is a JSON Schema. */
export const CustomTool = z.strictObject({
  name: z.string(),
  description: z.string(),
  parameters: z.record(z.string(), z.unknown()),
})
export type CustomTool = z.infer<typeof CustomTool>

/** Which way a run came in: as itself, as a message of a session, or through the OpenAI-compatible door. */
export const RunObject = z.enum(['agent.response', 'session.message', 'chat.completion'])

/**
 * What the run was started with and on; `keyFingerprint` is null unless the project's own key is used. `node` runs it, with fence 1.
 * `deadline` is unix milliseconds, and `plan` the name of the project's plan. `requestDigest` is an HMAC of the request that came with an idempotency key.
 */
export const RunStarted = defineEvent(
  'RunStarted',
  3,
  z.strictObject({
    object: RunObject,
    message: z.string(),
    files: z.array(RunFile),
    tools: z.array(CustomTool),
    capabilities: z.array(z.string()),
    stream: z.boolean(),
    sessionId: z.string().nullable(),
    requestDigest: z.string().nullable(),
    provider: z.string(),
    baseUrl: z.string(),
    model: z.string(),
    keySource: z.enum(['project', 'default', 'demo']),
    configRevision: z.int().min(0),
    keyFingerprint: z.string().nullable(),
    credits: z.int().min(0),
    node: z.string(),
    deadline: z.int().min(0),
    plan: z.string(),
  }),
)

/** The provider answered 401 to the key that the run started on (`from`), so it went on with the one before (`to`), which is kept for that. */
export const KeyFellBack = defineEvent(
  'KeyFellBack',
  1,
  z.strictObject({ from: z.string(), to: z.string(), status: z.int() }),
)

/** The project's provider failed for good with `code` of the wire contract, and the project lets runs go on with the server's model. */
export const RunFellBack = defineEvent('RunFellBack', 1, z.strictObject({ code: z.string() }))

/** The node that ran it is dead or stopped. `fence` is one more than before: what the old node still writes is refused. */
export const RunResumed = defineEvent('RunResumed', 1, z.strictObject({ node: z.string(), fence: z.int().min(2) }))

/** The configuration changed while the run was at rest: from here on it runs on this one, as a new run would. */
export const RunReconfigured = defineEvent(
  'RunReconfigured',
  1,
  z.strictObject({
    provider: z.string(),
    baseUrl: z.string(),
    model: z.string(),
    keySource: z.enum(['project', 'default', 'demo']),
    configRevision: z.int().min(0),
    keyFingerprint: z.string().nullable(),
  }),
)

/** What a provider gives beside the fields that the API has. It goes back to it as it came. */
const Extra = z.record(z.string(), z.unknown())

/**
 * One answer of the model. `step` counts from 1. `arguments` of a call is as the model wrote it; `costNanoUsd` is null where no price is known.
 * `refusal`: why the model does not answer, in its words. `tokensEstimated`: the provider did not count, so the tokens are our estimate.
 * `extra` of the message and of its calls, such as reasoning and signatures, goes back with the results.
 */
export const ModelAnswered = defineEvent(
  'ModelAnswered',
  3,
  z.strictObject({
    step: Step,
    content: z.string(),
    refusal: z.string().nullable(),
    toolCalls: z.array(
      z.strictObject({ id: z.string(), name: z.string(), arguments: z.string(), extra: Extra.optional() }),
    ),
    finishReason: z.string(),
    tokens: Tokens,
    tokensEstimated: z.boolean(),
    costNanoUsd: z.int().min(0).nullable(),
    extra: Extra.nullable(),
    durationMs: z.int().min(0),
  }),
)

/** The platform begins to carry out a call of the model's. `callId` is its idempotency key; `message` says what is being done. */
export const ToolCalled = defineEvent(
  'ToolCalled',
  1,
  z.strictObject({ step: Step, callId: z.string(), tool: z.string(), message: z.string() }),
)

/** What the model is told of a call. `failed`: it was told what went wrong. */
export const ToolReturned = defineEvent(
  'ToolReturned',
  1,
  z.strictObject({
    step: Step,
    callId: z.string(),
    tool: z.string(),
    output: z.string(),
    failed: z.boolean(),
    files: z.array(RunFile),
    durationMs: z.int().min(0),
  }),
)

/** The run waits for the client to carry out these calls, until `expiresAt` (unix milliseconds). `round` counts from 1. */
export const ToolOutputsRequested = defineEvent(
  'ToolOutputsRequested',
  1,
  z.strictObject({
    step: Step,
    round: z.int().min(1),
    calls: z.array(z.strictObject({ id: z.string(), name: z.string(), arguments: z.record(z.string(), z.unknown()) })),
    expiresAt: z.int().min(0),
  }),
)

/** The client's outputs. `node` goes on with the run. */
export const ToolOutputsSubmitted = defineEvent(
  'ToolOutputsSubmitted',
  1,
  z.strictObject({
    round: z.int().min(1),
    outputs: z.array(z.strictObject({ callId: z.string(), output: z.string() })),
    node: z.string(),
    fence: z.int().min(2),
    deadline: z.int().min(0),
  }),
)

export const RunCompleted = defineEvent(
  'RunCompleted',
  1,
  z.strictObject({ message: z.string(), tokens: Tokens, durationMs: z.int().min(0) }),
)

/** `code` is a code of the wire contract. */
export const RunFailed = defineEvent(
  'RunFailed',
  1,
  z.strictObject({ code: z.string(), message: z.string(), durationMs: z.int().min(0) }),
)

/** The client asked for the run to stop. */
export const RunCancelled = defineEvent('RunCancelled', 1, z.strictObject({ durationMs: z.int().min(0) }))

export const RunEvent = z.discriminatedUnion('type', [
  RunStarted,
  RunResumed,
  RunReconfigured,
  KeyFellBack,
  RunFellBack,
  ModelAnswered,
  ToolCalled,
  ToolReturned,
  ToolOutputsRequested,
  ToolOutputsSubmitted,
  RunCompleted,
  RunFailed,
  RunCancelled,
])
export type RunEvent = z.infer<typeof RunEvent>
export type RunStartedData = z.infer<typeof RunStarted>['data']
export type RunConfig = z.infer<typeof RunReconfigured>['data']
export type ModelAnsweredData = z.infer<typeof ModelAnswered>['data']
export type ToolReturnedData = z.infer<typeof ToolReturned>['data']
