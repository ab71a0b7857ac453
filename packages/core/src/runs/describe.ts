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
  RunFellBack: ({ code }) => sentence`went on with the server’s model, as the provider failed with ${code}`,
  RunResumed: ({ node }) => sentence`went on with the run on node ${node}`,
  RunReconfigured: ({ model, keyFingerprint, configRevision }) =>
    sentence`went on with the run on ${model} with key ${keyFingerprint ?? 'none'} at revision ${configRevision}`,
  ModelAnswered: ({ step, tokens }) =>
    sentence`received answer ${step} from the model (${tokens.input + tokens.output} tokens)`,
  ToolCalled: ({ tool }) => sentence`called the tool ${tool}`,
  ToolReturned: ({ tool, failed, durationMs }) =>
    failed ? sentence`saw the tool ${tool} fail` : sentence`received the result of ${tool} in ${durationMs} ms`,
  ToolOutputsRequested: ({ calls, round }) =>
    sentence`asked the client for the outputs of ${calls.map(({ name }) => name).join(', ')} (round ${round})`,
  ToolOutputsSubmitted: ({ outputs, round }) => sentence`sent ${outputs.length} tool outputs (round ${round})`,
  RunCompleted: ({ durationMs, tokens }) =>
    sentence`completed the run in ${durationMs} ms with ${tokens.input + tokens.output} tokens`,
  RunFailed: ({ code }) => sentence`saw the run fail with ${code}`,
  RunCancelled: () => sentence`stopped the run`,
} satisfies Describe<RunEvent>
