import { z } from 'zod'
import { ApiKeyEvent } from './api-keys/events.ts'
import { apiKeysView } from './api-keys/api-keys.projection.ts'
import { describeApiKeys } from './api-keys/describe.ts'
import { heldKeysView } from './audit/held-keys.projection.ts'
import { rotationsView } from './audit/rotations.projection.ts'
import { describeCredits } from './credits/describe.ts'
import { CreditsEvent } from './credits/events.ts'
import { describeKeyCustody } from './key-custody/describe.ts'
import { KeyCustodyEvent } from './key-custody/events.ts'
import { keyCustodyView } from './key-custody/key-custody.projection.ts'
import { describeKeyHealth } from './key-health/describe.ts'
import { KeyHealthEvent } from './key-health/events.ts'
import { keyHealthView } from './key-health/key-health.projection.ts'
import { describeFiles } from './files/describe.ts'
import { FileEvent } from './files/events.ts'
import { filesView } from './files/files.projection.ts'
import type { EventShape, Noun } from './kernel/event.ts'
import type { Projection } from './kernel/projection.ts'
import type { Sentence } from './kernel/sentence.ts'
import type { Upcasters } from './kernel/upcast.ts'
import { upcast } from './kernel/upcast.ts'
import { describeKeyring } from './keyring/describe.ts'
import { KeyringEvent } from './keyring/events.ts'
import { describeLlm } from './llm/describe.ts'
import { LlmEvent } from './llm/events.ts'
import { llmView } from './llm/llm.projection.ts'
import { describePrices } from './prices/describe.ts'
import { PriceEvent } from './prices/events.ts'
import { describeProjects } from './projects/describe.ts'
import { ProjectEvent } from './projects/events.ts'
import { projectUpcasters } from './projects/upcasters.ts'
import { projectsView } from './projects/projects.projection.ts'
import { describeRuns } from './runs/describe.ts'
import { RunEvent } from './runs/events.ts'
import { monthsView } from './runs/months.projection.ts'
import { runsView } from './runs/runs.projection.ts'
import { runUpcasters } from './runs/upcasters.ts'
import { describeWebhooks } from './webhooks/describe.ts'
import { WebhookEvent } from './webhooks/events.ts'
import { webhooksView } from './webhooks/webhooks.projection.ts'
import { describeSessions } from './sessions/describe.ts'
import { SessionEvent } from './sessions/events.ts'
import { sessionsView } from './sessions/sessions.projection.ts'
import { sessionUpcasters } from './sessions/upcasters.ts'

/** Every event, in its newest version. */
export const AnyEvent = z.discriminatedUnion('type', [
  ...ProjectEvent.options,
  ...LlmEvent.options,
  ...KeyHealthEvent.options,
  ...ApiKeyEvent.options,
  ...RunEvent.options,
  ...SessionEvent.options,
  ...FileEvent.options,
  ...KeyringEvent.options,
  ...KeyCustodyEvent.options,
  ...WebhookEvent.options,
  ...CreditsEvent.options,
  ...PriceEvent.options,
])
export type AnyEvent = z.infer<typeof AnyEvent>

const newest = new Map<string, number>(AnyEvent.options.map(({ shape }) => [shape.type.value, shape.version.value]))

/** How earlier versions of events are read. */
export const upcasters: Upcasters = { ...projectUpcasters, ...runUpcasters, ...sessionUpcasters }

/**
 * A stored event in its newest version; undefined for a type or version that this program does not know. What was sealed was validated
 * when it was decided, and the tag vouches for it: it is not parsed by its schema again.
 */
export const readEvent = (stored: EventShape) => upcast(newest, upcasters, stored) as AnyEvent | undefined

const describe = {
  ...describeProjects,
  ...describeLlm,
  ...describeKeyHealth,
  ...describeApiKeys,
  ...describeRuns,
  ...describeSessions,
  ...describeFiles,
  ...describeKeyring,
  ...describeKeyCustody,
  ...describeWebhooks,
  ...describeCredits,
  ...describePrices,
}

/** What a history page says of an event, after the actor's name. */
export const describeEvent = (event: AnyEvent): Sentence =>
  (describe[event.type] as (data: AnyEvent['data']) => Sentence)(event.data)

const eventsOf: Record<Noun, readonly { shape: { type: { value: string } } }[]> = {
  projects: ProjectEvent.options,
  llm: LlmEvent.options,
  'key-health': KeyHealthEvent.options,
  'api-keys': ApiKeyEvent.options,
  runs: RunEvent.options,
  sessions: SessionEvent.options,
  files: FileEvent.options,
  keyring: KeyringEvent.options,
  'key-custody': KeyCustodyEvent.options,
  webhooks: WebhookEvent.options,
  credits: CreditsEvent.options,
  prices: PriceEvent.options,
}
/** The stored type names of each noun, for filters. */
export const eventTypes = Object.fromEntries(
  Object.entries(eventsOf).map(([noun, options]) => [noun, options.map((o) => o.shape.type.value)]),
) as Record<Noun, string[]>

/** A projection with the nouns whose events it reads. */
export type View = { projection: Projection; nouns: readonly Noun[] }

// The cast widens each projection's event type; `nouns` guarantees that it is only ever given its own events.
const view = <E extends EventShape, R extends object>(
  projection: Projection<E, R>,
  ...nouns: readonly Noun[]
): View => ({ projection, nouns })

/** The read models that the projector keeps. */
export const views: readonly View[] = [
  view(projectsView, 'projects'),
  view(llmView, 'llm'),
  view(keyHealthView, 'key-health'),
  view(apiKeysView, 'api-keys'),
  view(runsView, 'runs'),
  view(monthsView, 'runs'),
  view(sessionsView, 'sessions'),
  view(filesView, 'files'),
  view(keyCustodyView, 'key-custody'),
  view(heldKeysView, 'llm', 'key-custody'),
  view(webhooksView, 'webhooks'),
  view(rotationsView, 'llm', 'runs', 'key-health', 'key-custody'),
]
