import { saidPlan } from '@stewrd/core/kernel/plan.ts'
import type { PriceEvent } from '@stewrd/core/prices/events.ts'
import { prices } from '@stewrd/core/prices/prices.ts'
import { credits } from '@stewrd/core/credits/credits.ts'
import type { CreditsEvent } from '@stewrd/core/credits/events.ts'
import type { AnyEvent } from '@stewrd/core/catalog.ts'
import { apiKeys } from '@stewrd/core/api-keys/api-keys.ts'
import type { ApiKeyEvent } from '@stewrd/core/api-keys/events.ts'
import { keyHealth } from '@stewrd/core/key-health/key-health.ts'
import type { KeyCustodyEvent } from '@stewrd/core/key-custody/events.ts'
import { keyCustody } from '@stewrd/core/key-custody/key-custody.ts'
import type { KeyHealthEvent } from '@stewrd/core/key-health/events.ts'
import type { KeyringEvent } from '@stewrd/core/keyring/events.ts'
import { keyring } from '@stewrd/core/keyring/keyring.ts'
import type { Noun } from '@stewrd/core/kernel/event.ts'
import type { LlmEvent } from '@stewrd/core/llm/events.ts'
import type { Llm } from '@stewrd/core/llm/llm.ts'
import { llm } from '@stewrd/core/llm/llm.ts'
import type { ProjectEvent } from '@stewrd/core/projects/events.ts'
import type { Project } from '@stewrd/core/projects/projects.ts'
import { projects } from '@stewrd/core/projects/projects.ts'
import type { RunEvent } from '@stewrd/core/runs/events.ts'
import { runs } from '@stewrd/core/runs/runs.ts'
import type { WebhookEvent } from '@stewrd/core/webhooks/events.ts'
import { webhooks } from '@stewrd/core/webhooks/webhooks.ts'
import type { FileEvent } from '@stewrd/core/files/events.ts'
import { files } from '@stewrd/core/files/files.ts'
import type { SessionEvent } from '@stewrd/core/sessions/events.ts'
import { sessions } from '@stewrd/core/sessions/sessions.ts'
import { folded } from '../kernel/folded.ts'

/** A stream's state as flat fields, made for a before and after comparison. Nothing secret. */
export type PublicState = Record<string, string | number | boolean | null | readonly string[]>

/** Folds events of one stream to what a page may show of its state. */
export function publicState(noun: Noun, events: readonly AnyEvent[]): PublicState {
  return fold[noun](events)
}

export function publicLlm(state: Llm): PublicState {
  if (state.status === 'default') return { status: 'default' }
  const { provider, model, key, staged, fallback } = state
  return {
    status: 'own',
    provider: provider.provider,
    baseUrl: provider.baseUrl,
    model,
    keyFingerprint: key.fingerprint,
    ...(staged && { stagedFingerprint: staged.fingerprint }),
    ...(fallback && {
      fallbackFingerprint: fallback.key.fingerprint,
      fallbackUntil: new Date(fallback.until).toISOString(),
    }),
  }
}

/** Limits stand beside the rest, each as its own line. */
export function publicProject(state: Project): PublicState {
  if (state.status === 'none') return { status: 'none' }
  const { limits, plan, ...rest } = state
  return { ...rest, ...limits, ...(plan && { plan: saidPlan(plan) }) }
}

const fold: Record<Noun, (events: readonly AnyEvent[]) => PublicState> = {
  projects: (events) => publicProject(folded(projects, events as ProjectEvent[])),
  llm: (events) => publicLlm(folded(llm, events as LlmEvent[])),
  'key-health': (events) => {
    const { checks } = folded(keyHealth, events as KeyHealthEvent[])
    return Object.fromEntries(checks.map((c) => [c.fingerprint, c.reason ? `${c.health}: ${c.reason}` : c.health]))
  },
  'key-custody': (events) => ({ ...folded(keyCustody, events as KeyCustodyEvent[]) }),
  prices: (events) => {
    const { prices: all } = folded(prices, events as PriceEvent[])
    return Object.fromEntries(all.map((one) => [one.model, `${one.input} in, ${one.output} out (1e-9 USD a token)`]))
  },
  credits: (events) => ({ ...folded(credits, events as CreditsEvent[]) }),
  'api-keys': (events) => {
    const state = folded(apiKeys, events as ApiKeyEvent[])
    return { status: state.status, keyId: state.status === 'active' ? state.keyId : null }
  },
  keyring: (events) => {
    const { added, rotation, retired, dataKeys } = folded(keyring, events as KeyringEvent[])
    const ids = (keys: readonly { id: string }[]) => keys.map(({ id }) => id)
    const dataKeyRotations = Object.keys(dataKeys)
    return { added: ids(added), rotatingTo: rotation?.to.id ?? null, retired: ids(retired), dataKeyRotations }
  },
  webhooks: (events) => {
    const state = folded(webhooks, events as WebhookEvent[])
    if (state.status === 'none') return { status: 'none' }
    const { url, secret, previous, events: optIns } = state
    return {
      status: 'set',
      url,
      secretFingerprint: secret.fingerprint,
      ...(previous && { previousFingerprint: previous.secret.fingerprint }),
      events: optIns,
    }
  },
  sessions: (events) => {
    const state = folded(sessions, events as SessionEvent[])
    if (state.status === 'none') return { status: 'none' }
    return { status: state.status, messages: state.messages, busy: state.busy?.runId ?? null }
  },
  files: (events) => {
    const state = folded(files, events as FileEvent[])
    if (state.status !== 'stored') return { status: state.status }
    const { status, name, bytes, mediaType, sha256 } = state
    return { status, name, bytes, mediaType, sha256 }
  },
  runs: (events) => {
    const state = folded(runs, events as RunEvent[])
    if (state.status === 'none') return { status: 'none' }
    const { status, steps, tokens, error, durationMs } = state
    return { status, model: state.started.model, steps, tokens: tokens.input + tokens.output, error, durationMs }
  },
}
