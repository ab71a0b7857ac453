import { isMask } from '@stewrd/core/llm/input.ts'
import { providerIds, providers, suggestedModels } from '@stewrd/core/llm/providers.ts'
import { useState } from 'react'
import { toast } from 'sonner'
import { Button } from '../../components/ui/button.tsx'
import { Dialog, DialogFooter } from '../../components/ui/dialog.tsx'
import { Field, Input, Select } from '../../components/ui/field.tsx'
import { Notice } from '../../components/ui/states.tsx'
import { messageOf, refusalOf, trpc } from '../../lib/trpc.ts'
import { ChangeSummary } from './change-summary.tsx'
import type { Draft } from './differences.ts'
import { changesOf, differenceOf, draftOf } from './differences.ts'
import { KeyTestResult } from './key-test-result.tsx'
import { ModelPicker } from './model-picker.tsx'
import type { LlmCurrent } from './queries.ts'
import { useModels, useSetLlm, useTestKey } from './queries.ts'
import { StaleNotice } from './stale-notice.tsx'

/** Provider, key and model. The key is tested before it is saved, and left as it is when its field stays empty. */
export function EditLlmDialog({
  projectId,
  current,
  onClose,
}: {
  projectId: string
  current: LlmCurrent
  onClose: () => void
}) {
  // What the person began from: a newer state in the background must not slip under an edit unseen.
  const [base, setBase] = useState(current)
  const [draft, setDraft] = useState<Draft>(() => draftOf(current))
  const utils = trpc.useUtils()
  const set = useSetLlm()
  const test = useTestKey()
  const models = useModels()
  const change = (part: Partial<Draft>) => {
    setDraft((d) => ({ ...d, ...part }))
    test.reset()
    set.reset()
  }
  const changes = changesOf(base, draft)
  const movedPlace =
    base.status === 'own' &&
    (base.provider !== draft.provider ||
      (draft.provider === 'custom' && base.baseUrl !== draft.baseUrl.replace(/\/+$/, '')))
  const keyNeeded = base.status !== 'own' || movedPlace
  const noKey = !draft.key.trim() || isMask(draft.key)
  const input = {
    projectId,
    provider: draft.provider,
    model: draft.model,
    ...(draft.provider === 'custom' && draft.baseUrl && { baseUrl: draft.baseUrl }),
    ...(!noKey && { key: draft.key }),
  }
  const refusal = refusalOf(set.error)
  const field = refusal?.code === 'INVALID_INPUT' ? refusal.details.field : undefined
  const errorOf = (name: string) => (field === name ? messageOf(set.error) : undefined)
  const stale = refusal?.code === 'REVISION_MOVED'

  const save = async () => {
    try {
      const { warning } = await set.mutateAsync({
        ...input,
        expectedRevision: base.revision,
        commandId: crypto.randomUUID(),
      })
      if (warning) toast.warning('Saved, but the key is not verified.', { description: warning })
      else toast.success('Saved. New runs use it from now on.')
      onClose()
    } catch (error) {
      if (refusalOf(error)?.code === 'REVISION_MOVED') await utils.llm.current.invalidate({ projectId })
    }
  }
  const takeNew = () => {
    setBase(current)
    set.reset()
  }
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="LLM configuration"
      description="Applies to every run that starts after you save."
      wide
    >
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void save()
        }}
      >
        <div className="flex flex-col gap-4 px-5 py-4">
          {stale && (
            <StaleNotice
              difference={differenceOf(base, current)}
              changedBy={current.changedBy?.label}
              onTake={takeNew}
            />
          )}
          <div className="grid gap-4 sm:grid-cols-2">
            <Field label="Provider">
              {(ids) => (
                <Select
                  {...ids}
                  value={draft.provider}
                  onChange={(e) => {
                    const provider = providerIds.find((id) => id === e.target.value) ?? 'openai'
                    change({ provider, model: suggestedModels.find((m) => m.provider === provider)?.model ?? '' })
                    models.reset()
                  }}
                >
                  {providerIds.map((id) => (
                    <option key={id} value={id}>
                      {id === 'custom' ? 'Custom (OpenAI-compatible)' : providers[id].name}
                    </option>
                  ))}
                </Select>
              )}
            </Field>
            <Field label="Model" error={errorOf('model')}>
              {({ id }) => (
                <ModelPicker
                  id={id}
                  provider={draft.provider}
                  value={draft.model}
                  onChange={(model) => change({ model })}
                  listed={models.data?.source === 'provider' ? models.data.models.map((m) => m.model) : undefined}
                  loading={models.isPending}
                  problem={models.data?.problem ?? (models.isError ? messageOf(models.error) : null)}
                  onOpen={() => {
                    if (!models.data && !models.isPending && (!noKey || !keyNeeded))
                      models.mutate({ ...input, model: undefined })
                  }}
                />
              )}
            </Field>
          </div>
          {draft.provider === 'custom' && (
            <Field
              label="Base URL"
              hint="An OpenAI-compatible server, such as https://llm.example.com/v1"
              error={errorOf('baseUrl')}
            >
              {(ids) => (
                <Input
                  {...ids}
                  inputMode="url"
                  value={draft.baseUrl}
                  placeholder="https://"
                  onChange={(e) => change({ baseUrl: e.target.value })}
                />
              )}
            </Field>
          )}
          <Field
            label="API Key"
            error={errorOf('key')}
            hint={
              keyNeeded
                ? movedPlace
                  ? 'A key belongs to its provider: enter the one for the new place.'
                  : 'Encrypted as soon as it arrives, and never shown again.'
                : 'Leave it empty to keep the key that is in use.'
            }
          >
            {(ids) => (
              <Input
                {...ids}
                type="password"
                autoComplete="off"
                spellCheck={false}
                value={draft.key}
                placeholder={keyNeeded ? providers[draft.provider].keyHint : '••••••••  (unchanged)'}
                onChange={(e) => change({ key: e.target.value })}
              />
            )}
          </Field>
          {test.data && <KeyTestResult result={test.data} />}
          {test.isError && <Notice tone="bad">{messageOf(test.error)}</Notice>}
          {set.isError && !field && !stale && <Notice tone="bad">{messageOf(set.error)}</Notice>}
          <ChangeSummary changes={changes} empty="Nothing to change yet." />
        </div>
        <DialogFooter>
          <Button
            className="mr-auto"
            busy={test.isPending}
            disabled={(keyNeeded && noKey) || !draft.model}
            onClick={() => test.mutate(input)}
          >
            Test key
          </Button>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            type="submit"
            look="primary"
            busy={set.isPending}
            disabled={!changes.length || !draft.model || (keyNeeded && noKey) || stale}
          >
            {set.isPending ? 'Testing and saving' : 'Save'}
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  )
}
