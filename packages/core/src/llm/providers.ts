export const providerIds = ['openai', 'openrouter', 'custom'] as const
export type ProviderId = (typeof providerIds)[number]

export type Provider = {
  id: ProviderId
  name: string
  /** Absent for `custom`: the project names it. */
  baseUrl?: string
  keyHint: string
}

export const providers: Record<ProviderId, Provider> = {
  openai: { id: 'openai', name: 'OpenAI', baseUrl: 'https://api.openai.com/v1', keyHint: 'sk-…' },
  openrouter: { id: 'openrouter', name: 'OpenRouter', baseUrl: 'https://openrouter.ai/api/v1', keyHint: 'sk-or-…' },
  custom: { id: 'custom', name: 'Custom', keyHint: 'the key of your server' },
}

export type SuggestedModel = { model: string; provider: ProviderId; bestFor: string }

/** Suggested, not required: any other model id is allowed. */
export const suggestedModels: readonly SuggestedModel[] = [
  { model: 'gpt-4o', provider: 'openai', bestFor: 'high quality reasoning' },
  { model: 'gpt-4o-mini', provider: 'openai', bestFor: 'fast, cost-effective' },
  { model: 'o1', provider: 'openai', bestFor: 'complex reasoning tasks' },
  { model: 'moonshotai/kimi-k2.5', provider: 'openrouter', bestFor: 'general purpose, good balance' },
  { model: 'openai/gpt-4o', provider: 'openrouter', bestFor: 'high quality reasoning, through OpenRouter' },
  { model: 'anthropic/claude-sonnet-4', provider: 'openrouter', bestFor: 'nuanced analysis, coding' },
  { model: 'meta-llama/llama-3.1-70b-instruct', provider: 'openrouter', bestFor: 'cost-effective, fast' },
]
