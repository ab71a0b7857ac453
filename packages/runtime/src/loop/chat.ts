import type { Message, ModelAnswer } from '../provider/answer.ts'

/** What the loop needs from outside: `answer` calls the model, `now` is monotonic milliseconds. */
export type LoopPorts = {
  answer(messages: readonly Message[]): Promise<ModelAnswer>
  now(): number
}
export type Step = ModelAnswer & { step: number; durationMs: number }
export type InputFile = { name: string; content: string }

const SYSTEM =
  'You are a helpful agent. Answer the user in the language of the message, and use the files that come with it.'

/** The conversation that a run starts with: plain message JSON, so that another node could go on with it. */
export function conversation(message: string, files: readonly InputFile[]): Message[] {
  const attached = files
    .map(({ name, content }) => `\n\n<file name=${JSON.stringify(name)}>\n${content}\n</file>`)
    .join('')
  return [
    { role: 'system', content: SYSTEM },
    { role: 'user', content: message + attached },
  ]
}

/** Runs the `chat` capability: one step, whose answer is the run's. */
export async function runChat(ports: LoopPorts, messages: readonly Message[]): Promise<Step> {
  const began = ports.now()
  const answered = await ports.answer(messages)
  return { ...answered, step: 1, durationMs: Math.round(ports.now() - began) }
}
