import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { StreamId } from '@stewrd/core/kernel/execute.ts'
import type { KeyCheck, RecordKeyCheck } from '@stewrd/core/key-health/commands.ts'
import type { ProviderRef } from '@stewrd/core/llm/events.ts'
import { llm, replacedBy } from '@stewrd/core/llm/llm.ts'
import type { Secret } from '@stewrd/crypto/secret.ts'
import { checkAsRunsDo } from '@stewrd/runtime/provider/check-as-runs-do.ts'
import { checkKey } from '@stewrd/runtime/provider/check-key.ts'
import type { Platform } from '../platform.ts'
import type { ChangeInput } from './change.ts'
import { recordCheck } from './check.ts'

/** `command`: what the key is meant for. */
type CandidateKey = { provider: ProviderRef; model: string; key: Secret; command: KeyCommand }
type KeyCommand = 'SetProvider' | 'RotateKey' | 'StageKey' | 'ActivateKey'

/**
 * Asks the provider about a key before it is used: KEY_REJECTED when it says no, a warning when it could not be asked. A key to rotate to
 * also makes a call of the model, as runs do.
 */
export async function tested(
  platform: Platform,
  stream: StreamId,
  { provider, model, key, command }: CandidateKey,
  { commandId, expectedRevision }: Pick<ChangeInput, 'commandId' | 'expectedRevision'>,
  actor: string,
): Promise<string | null> {
  // A retry of what was already carried out must give its first result, whatever the provider says today.
  if (commandId !== undefined && (await platform.store.isDone(stream, commandId))) return null
  const source = command === 'SetProvider' ? 'set' : 'rotate'
  const fingerprint = platform.secrets.fingerprint(key)
  const head = await platform.store.head(llm, stream)
  if (expectedRevision !== undefined && (await isStale(platform, stream, expectedRevision, head.revision, command)))
    throw new Refusal('REVISION_MOVED', {
      stream: stream.stream,
      expected: expectedRevision,
      actual: head.revision,
    })
  if (source === 'rotate' && head.state.status === 'own' && head.state.key.fingerprint === fingerprint)
    throw new Refusal('KEY_UNCHANGED', { fingerprint })
  const check = await (source === 'rotate' ? checkAsRunsDo : checkKey)(platform.egress, { ...provider, key, model })
  return verdictOf(platform, stream, { fingerprint, source, check }, actor)
}

/** Refused before the provider is asked. The append has the last word. */
async function isStale(
  { store }: Platform,
  stream: StreamId,
  expected: number,
  actual: number,
  type: KeyCommand,
): Promise<boolean> {
  if (expected === actual) return false
  const replaced: readonly string[] = replacedBy({ type, key: true })
  const conflicts = ({ type }: { type: string }) => replaced.includes(type)
  return (await store.revisionWithoutConflict(stream, expected, conflicts)) === undefined
}

async function verdictOf(
  platform: Platform,
  { projectId }: StreamId,
  { fingerprint, source, check }: { fingerprint: string; source: RecordKeyCheck['source']; check: KeyCheck },
  actor: string,
): Promise<string | null> {
  await recordCheck(platform, projectId, fingerprint, source, check, actor)
  if (check.health === 'rejected')
    throw new Refusal('KEY_REJECTED', { fingerprint, status: check.status, reason: check.reason })
  if (check.health === 'verified') return null
  return `The key was saved without having been tested: ${check.reason}`
}
