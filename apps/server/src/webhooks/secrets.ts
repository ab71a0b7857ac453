import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { SealedSigningSecret } from '@stewrd/core/webhooks/events.ts'
import type { Webhook, Webhooks } from '@stewrd/core/webhooks/webhooks.ts'
import type { Secret } from '@stewrd/crypto/secret.ts'
import type { Platform } from '../platform.ts'
import { newSigningSecret } from './signature.ts'

type Opener = Pick<Platform, 'secrets'>

/** What a signing secret is sealed for, where a provider key has its base URL: neither opens as the other. */
const PLACE = 'webhook'

export async function sealedNewSecret(
  { secrets }: Opener,
  projectId: string,
): Promise<{ secret: Secret; sealed: SealedSigningSecret }> {
  const secret = newSigningSecret()
  return { secret, sealed: await secrets.sealKey(projectId, PLACE, secret) }
}

/** Everything that signs at `now`: the secret, and for a while the one before. */
export function signingSecrets(
  { secrets }: Opener,
  projectId: string,
  webhook: Webhook,
  now: number,
): Promise<Secret[]> {
  const { secret, previous } = webhook
  const signing = [secret, ...(previous && now < previous.until ? [previous.secret] : [])]
  return Promise.all(signing.map((sealed) => secrets.openKey(projectId, PLACE, sealed)))
}

/** Destroys values that no state names any more, in the background: were it not done, they would go with the project. */
export function destroyUnused({ secrets }: Opener, used: readonly SealedSigningSecret[], state: Webhooks): void {
  const kept = new Set(secretsOf(state).map(({ dekId }) => dekId))
  for (const { dekId } of used) if (!kept.has(dekId)) secrets.destroyKey(dekId).catch(() => {})
}

export const secretsOf = (state: Webhooks): SealedSigningSecret[] =>
  state.status === 'set' ? [state.secret, ...(state.previous ? [state.previous.secret] : [])] : []

/** After a refusal nothing was written, so what was sealed for it is of no use. */
export function discardIfRefused(opener: Opener, sealed: SealedSigningSecret, error: unknown): never {
  if (error instanceof Refusal) destroyUnused(opener, [sealed], { status: 'none' })
  throw error
}
