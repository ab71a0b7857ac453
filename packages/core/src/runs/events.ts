import { z } from 'zod'
import { defineEvent } from '../kernel/event.ts'

const Tokens = z.strictObject({ input: z.int().min(0), output: z.int().min(0) })

/** What the run was started with and on; `keyFingerprint` is null unless the project's own key is used. `node` runs it. */
export const RunStarted = defineEvent(
  'RunStarted',
  1,
  z.strictObject({
    object: z.enum(['agent.response', 'session.message']),
    message: z.string(),
    files: z.array(z.strictObject({ name: z.string(), content: z.string() })),
    capabilities: z.array(z.string()),
    stream: z.boolean(),
    provider: z.string(),
    baseUrl: z.string(),
    model: z.string(),
    keySource: z.enum(['project', 'default', 'demo']),
    configRevision: z.int().min(0),
    keyFingerprint: z.string().nullable(),
    credits: z.int().min(0),
    node: z.string(),
  }),
)

/** The provider answered 401 to the key that the run started on (`from`), so it went on with the one before (`to`), which is kept for that. */
export const KeyFellBack = defineEvent(
  'KeyFellBack',
  1,
  z.strictObject({ from: z.string(), to: z.string(), status: z.int() }),
)

/** One answer of the model. `step` counts from 1. */
export const ModelAnswered = defineEvent(
  'ModelAnswered',
  1,
  z.strictObject({
    step: z.int().min(1),
    content: z.string(),
    finishReason: z.string(),
    tokens: Tokens,
    durationMs: z.int().min(0),
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

export const RunEvent = z.discriminatedUnion('type', [RunStarted, KeyFellBack, ModelAnswered, RunCompleted, RunFailed])
export type RunEvent = z.infer<typeof RunEvent>
export type RunStartedData = z.infer<typeof RunStarted>['data']
