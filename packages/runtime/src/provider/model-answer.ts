/** `arguments` is as the model wrote it: usually JSON. `extra`: fields of the provider's own, which go back with the result. */
export type ToolCall = { id: string; name: string; arguments: string; extra?: Record<string, unknown> }

export type ModelAnswer = {
  content: string
  /** Why the model refuses to answer, in its own words. */
  refusal: string | null
  toolCalls: ToolCall[]
  finishReason: string
  /** As the provider counts. */
  tokens: { input: number; output: number }
  /** The provider counted nothing, or nothing that can be read: these are ours. */
  tokensEstimated: boolean
  /** What the provider says that it took, in 1e-9 USD; null when it does not tell. */
  costNanoUsd: number | null
  /** What the model gave beside its words and calls, such as its reasoning: it goes back with the results of the calls. Null when there is nothing. */
  extra: Record<string, unknown> | null
}
