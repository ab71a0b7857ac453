import type { ProviderTarget } from './target.ts'

/**
 * The fields that bound the length of an answer in tokens, and what is sent instead where a provider refuses one of them by name: models
 * differ in which they know, and one whose own bound is lower needs none.
 */
export function outputBound({ provider }: Pick<ProviderTarget, 'provider'>, tokens: number) {
  const current = { max_completion_tokens: tokens }
  return {
    fields: provider === 'openai' ? current : { max_tokens: tokens },
    optional: { max_tokens: current, max_completion_tokens: {} },
  }
}
