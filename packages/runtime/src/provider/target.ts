/** A key that shows itself only on request; `Secret` is one. */
export type Revealable = { reveal(): string }

/** Where a model is called, and with what. `baseUrl` has no trailing slash. */
export type ProviderTarget = { provider: 'openai' | 'openrouter' | 'custom'; baseUrl: string; key: Revealable }
export type ModelTarget = ProviderTarget & { model: string }
