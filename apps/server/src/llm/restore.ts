import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { LlmEvent } from '@stewrd/core/llm/events.ts'
import type { RestoreInput } from '@stewrd/core/llm/input.ts'
import type { Llm, OwnLlm } from '@stewrd/core/llm/llm.ts'
import { llm, llmStream } from '@stewrd/core/llm/llm.ts'
import type { z } from 'zod'
import { folded } from '../kernel/folded.ts'
import type { Platform } from '../platform.ts'
import { streamOf } from '../projects/project-of.ts'
import type { LlmChange } from './change.ts'
import { rollBackKey } from './rotation.ts'
import { changeModel, removeProvider } from './service.ts'

/** `key`: the one of then is in use already, is in use again, or was destroyed after it was replaced, so that the one of now stays. */
export type Restored = LlmChange & { key: 'same' | 'restored' | 'destroyed'; fingerprint: string | null }

type Input = z.output<typeof RestoreInput>

/**
 * Goes back to the configuration after `revision` changes, as new events. A key comes back only while its sealed value exists, which is as
 * long as it is the fallback of an overlap. With another provider than now and its key destroyed: KEY_DESTROYED, nothing changes.
 */
export async function restoreConfig(platform: Platform, input: Input, actor: string): Promise<Restored> {
  const { revision, ...change } = input
  const stream = streamOf(platform, input.projectId, llmStream(input.projectId))
  const events = (await platform.store.read(stream)).map((r) => r.event as LlmEvent)
  if (revision > events.length) throw new Refusal('NOT_FOUND', { what: 'revision', id: String(revision) })
  const [then, now] = [folded(llm, events.slice(0, revision)), folded(llm, events)]
  const reason = change.reason ?? `restored revision ${revision}`
  if (then.status === 'default') {
    if (now.status === 'default') throw new Refusal('PROVIDER_NOT_SET', {})
    return { ...(await removeProvider(platform, { ...change, reason }, actor)), key: 'same', fingerprint: null }
  }
  const { fingerprint } = then.key
  const key = keyOfThen(then, now, platform.now())
  const model = { ...change, reason, model: then.model }
  if (key !== 'restored') return { ...(await changeModel(platform, model, actor)), key, fingerprint }
  const back = await rollBackKey(platform, { ...change, reason }, actor)
  if (back.llm.model === then.model) return { ...back, key, fingerprint }
  const { commandId, ...rest } = model
  const second = {
    ...rest,
    expectedRevision: back.revision,
    ...(commandId === undefined ? {} : { commandId: `${commandId}/model` }),
  }
  return { ...(await changeModel(platform, second, actor)), key, fingerprint }
}

function keyOfThen(then: OwnLlm, now: Llm, at: number): Restored['key'] {
  const { fingerprint, dekId } = then.key
  const samePlace = now.status === 'own' && now.provider.baseUrl === then.provider.baseUrl
  if (!samePlace) throw new Refusal('KEY_DESTROYED', { fingerprint })
  if (now.key.fingerprint === fingerprint) return 'same'
  return now.fallback?.key.dekId === dekId && at < now.fallback.until ? 'restored' : 'destroyed'
}
