import type { Describe } from '../kernel/sentence.ts'
import { sentence } from '../kernel/sentence.ts'
import type { RunEvent } from './events.ts'

export const describeRuns = {
  RunStarted: ({ model, keySource, keyFingerprint, configRevision }) =>
    keySource === 'project'
      ? sentence`started a run on ${model} with key ${keyFingerprint ?? 'none'} at revision ${configRevision}`
      : sentence`started a run on ${model}, the ${keySource === 'demo' ? 'demo' : 'default'} model`,
  KeyFellBack: ({ from, to, status }) =>
    sentence`fell back to the old key ${to}, because the provider answered ${status} to ${from}`,
  ModelAnswered: ({ step, tokens }) =>
    sentence`received answer ${step} from the model (${tokens.input + tokens.output} tokens)`,
  RunCompleted: ({ durationMs, tokens }) =>
    sentence`completed the run in ${durationMs} ms with ${tokens.input + tokens.output} tokens`,
  RunFailed: ({ code }) => sentence`saw the run fail with ${code}`,
} satisfies Describe<RunEvent>
