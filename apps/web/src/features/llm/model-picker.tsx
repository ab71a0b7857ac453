import { suggestedModels } from '@stewrd/core/llm/providers.ts'
import type { ProviderId } from '@stewrd/core/llm/providers.ts'
import { Command } from 'cmdk'
import { Check, ChevronsUpDown } from 'lucide-react'
import { Popover } from 'radix-ui'
import { useId, useState } from 'react'
import { cn } from '../../lib/cn.ts'

type Props = {
  id: string
  provider: ProviderId
  value: string
  onChange: (model: string) => void
  /** The provider's own list, once it was asked. */
  listed: readonly string[] | undefined
  loading: boolean
  problem: string | null
  onOpen: () => void
}

const item = 'flex cursor-pointer items-start gap-2 rounded-md px-2.5 py-1.5 text-[13px] data-[selected=true]:bg-sunken'
const heading =
  '[&_[cmdk-group-heading]]:px-2.5 [&_[cmdk-group-heading]]:py-1.5 [&_[cmdk-group-heading]]:text-xs [&_[cmdk-group-heading]]:text-muted'

/** A model by search: suggested ones, the provider's list, or any id as typed. */
export function ModelPicker({ id, provider, value, onChange, listed, loading, problem, onOpen }: Props) {
  const [open, setOpen] = useState(false)
  const [typed, setTyped] = useState('')
  const suggested = suggestedModels.filter((m) => m.provider === provider)
  const others = (listed ?? []).filter((model) => !suggested.some((s) => s.model === model))
  const known = [...suggested.map((s) => s.model), ...others]
  const free = typed.trim()
  const choose = (model: string) => {
    onChange(model)
    setTyped('')
    setOpen(false)
  }
  const listId = useId()
  const toggle = (next: boolean) => {
    setOpen(next)
    if (next) onOpen()
  }
  return (
    <Popover.Root open={open} onOpenChange={toggle}>
      <Popover.Trigger
        id={id}
        role="combobox"
        aria-expanded={open}
        aria-controls={listId}
        className="flex h-9 w-full items-center justify-between gap-2 rounded-md border border-line-strong bg-panel px-3 text-sm shadow-xs hover:border-faint"
      >
        <span className={cn('truncate font-mono text-[12.5px]', !value && 'font-sans text-faint')}>
          {value || 'Choose or type a model'}
        </span>
        <ChevronsUpDown className="size-3.5 shrink-0 text-muted" aria-hidden />
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          id={listId}
          aria-label="Models"
          align="start"
          sideOffset={4}
          className="z-60 w-[min(26rem,calc(100vw-2rem))] rounded-lg border bg-raised p-1.5 shadow-xl"
        >
          <Command label="Models">
            <Command.Input
              value={typed}
              onValueChange={setTyped}
              placeholder="Search, or type any model id"
              className="mb-1 w-full rounded-md bg-transparent px-2.5 py-2 text-[13px] outline-none placeholder:text-faint"
            />
            <Command.List className="max-h-72 overflow-y-auto">
              {free && !known.includes(free) && (
                <Command.Item value={free} className={item} onSelect={() => choose(free)}>
                  Use <span className="font-mono">{free}</span>
                </Command.Item>
              )}
              {suggested.length > 0 && (
                <Command.Group heading="Suggested" className={heading}>
                  {suggested.map(({ model, bestFor }) => (
                    <Command.Item key={model} value={model} className={item} onSelect={() => choose(model)}>
                      <Check aria-hidden className={cn('mt-0.5 size-3.5', model !== value && 'invisible')} />
                      <span>
                        <span className="font-mono text-[12.5px]">{model}</span>
                        <span className="block text-xs text-muted">Best for {bestFor}</span>
                      </span>
                    </Command.Item>
                  ))}
                </Command.Group>
              )}
              {others.length > 0 && (
                <Command.Group heading="From the provider" className={heading}>
                  {others.map((model) => (
                    <Command.Item key={model} value={model} className={item} onSelect={() => choose(model)}>
                      <Check aria-hidden className={cn('mt-0.5 size-3.5', model !== value && 'invisible')} />
                      <span className="font-mono text-[12.5px]">{model}</span>
                    </Command.Item>
                  ))}
                </Command.Group>
              )}
            </Command.List>
            {loading && <p className="px-2.5 py-2 text-xs text-muted">Asking the provider for its models…</p>}
            {problem && (
              <p className="px-2.5 py-2 text-xs text-muted">The provider's own list is not shown: {problem}</p>
            )}
          </Command>
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  )
}
