import type { ProviderRef } from '@stewrd/core/llm/events.ts'
import { Secret } from '@stewrd/crypto/secret.ts'
import { DEMO_BASE_URL, DEMO_MODEL } from '@stewrd/runtime/demo/demo-model.ts'
import type { Allowance } from './runs/allowance.ts'
import type { Env } from './env.ts'

/** What a project without a key of its own runs on. The demo model is no host that could be called: the run answers it itself. */
export type Fallback =
  | { source: 'default'; provider: ProviderRef; model: string; key: Secret; allowance: Allowance }
  | { source: 'demo'; provider: ProviderRef; model: string; key: Secret }
  | { source: 'none' }

/** The deployment's own model; else, where somebody tries things out, the demo model. */
export function fallbackOf({ defaultModel, databaseUrl, production }: Env): Fallback {
  if (defaultModel) {
    const { provider, baseUrl, model, apiKey, allowance } = defaultModel
    return { source: 'default', provider: { provider, baseUrl }, model, key: apiKey, allowance }
  }
  if (production || databaseUrl !== undefined) return { source: 'none' }
  const provider = { provider: 'custom', baseUrl: DEMO_BASE_URL } as const
  return { source: 'demo', provider, model: DEMO_MODEL, key: new Secret('demo') }
}
