import { providers } from '@stewrd/core/llm/providers.ts'
import type { ProviderId } from '@stewrd/core/llm/providers.ts'
import type { Change } from './change-summary.tsx'
import type { LlmCurrent } from './queries.ts'

export type Draft = { provider: ProviderId; baseUrl: string; model: string; key: string }

/** The form as it stands for what is configured now. The key is never filled in: nobody has it. */
export const draftOf = (llm: LlmCurrent): Draft =>
  llm.status === 'own'
    ? {
        provider: llm.provider ?? 'openai',
        baseUrl: llm.provider === 'custom' ? (llm.baseUrl ?? '') : '',
        model: llm.model ?? '',
        key: '',
      }
    : { provider: 'openai', baseUrl: '', model: 'gpt-4o-mini', key: '' }

/** What saving this draft would change. */
export function changesOf(llm: LlmCurrent, draft: Draft): Change[] {
  const before = llm.status === 'own' ? draftOf(llm) : undefined
  const place = (d: Draft) => (d.provider === 'custom' ? d.baseUrl || 'custom' : providers[d.provider].name)
  const none = llm.status === 'demo' ? 'demo model' : llm.status === 'default' ? 'server default' : 'none'
  const rows = [
    { field: 'Provider', from: before ? place(before) : none, to: place(draft) },
    { field: 'Model', from: before ? before.model : (llm.model ?? 'none'), to: draft.model },
    {
      field: 'Key',
      from: llm.keyFingerprint ?? 'none',
      to: draft.key ? 'the key you entered' : (llm.keyFingerprint ?? 'none'),
    },
  ]
  return rows.filter((row) => row.from !== row.to)
}

/** What somebody else changed between two states. */
export function differenceOf(before: LlmCurrent, now: LlmCurrent): Change[] {
  const rows = [
    { field: 'Provider', from: before.baseUrl ?? 'none', to: now.baseUrl ?? 'none' },
    { field: 'Model', from: before.model ?? 'none', to: now.model ?? 'none' },
    { field: 'Key', from: before.keyFingerprint ?? 'none', to: now.keyFingerprint ?? 'none' },
    { field: 'Revision', from: String(before.revision), to: String(now.revision) },
  ]
  return rows.filter((row) => row.from !== row.to)
}
