import { Tag, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { toast } from 'sonner'
import { Button } from '../../components/ui/button.tsx'
import { Field, Input } from '../../components/ui/field.tsx'
import { Empty, Failed, Notice, Rows } from '../../components/ui/states.tsx'
import { Card, Mono } from '../../components/ui/surface.tsx'
import { messageOf, trpc } from '../../lib/trpc.ts'

/** Prices are kept in billionths of a dollar for one token, and shown in dollars for a million. */
const perMillion = (nano: number) => (nano / 1000).toLocaleString('en', { maximumFractionDigits: 3 })
const nanoOf = (text: string) => (text.trim() === '' ? Number.NaN : Math.round(Number(text) * 1000))

/** What models cost where their provider does not tell. */
export function PricesCard() {
  const utils = trpc.useUtils()
  const table = trpc.prices.list.useQuery()
  const remove = trpc.prices.remove.useMutation({ onSuccess: (now) => utils.prices.list.setData(undefined, now) })
  return (
    <Card
      title="Prices"
      description="In US dollars for a million tokens. They count where a provider tells no price, for runs from now on."
    >
      {table.isError ? (
        <Failed error={table.error} retry={() => void table.refetch()} />
      ) : table.isPending ? (
        <Rows count={2} />
      ) : table.data.prices.length === 0 ? (
        <Empty icon={<Tag aria-hidden />} title="No prices yet">
          OpenRouter tells what its models cost. For others set a price, or their cost stays unknown.
        </Empty>
      ) : (
        <ul className="divide-y text-[13px]" aria-label="Prices by model">
          {table.data.prices.map(({ model, input, output }) => (
            <li key={model} className="flex flex-wrap items-center gap-x-6 gap-y-1 px-4 py-2.5 sm:px-5">
              <Mono className="min-w-0 flex-1 basis-40">{model}</Mono>
              <span className="tnum">${perMillion(input)} in</span>
              <span className="tnum">${perMillion(output)} out</span>
              <Button
                size="sm"
                look="danger"
                aria-label={`Remove the price of ${model}`}
                busy={remove.isPending && remove.variables.model === model}
                onClick={() => remove.mutate({ model }, { onError: (error) => toast.error(messageOf(error)) })}
              >
                <Trash2 aria-hidden />
              </Button>
            </li>
          ))}
        </ul>
      )}
      <PriceForm />
    </Card>
  )
}

function PriceForm() {
  const utils = trpc.useUtils()
  const set = trpc.prices.set.useMutation({ onSuccess: (now) => utils.prices.list.setData(undefined, now) })
  const [model, setModel] = useState('')
  const [input, setInput] = useState('')
  const [output, setOutput] = useState('')
  const price = { model: model.trim(), input: nanoOf(input), output: nanoOf(output) }
  const complete = price.model !== '' && price.input >= 0 && price.output >= 0
  const submit = async () => {
    await set.mutateAsync(price)
    setModel('')
    setInput('')
    setOutput('')
    toast.success(`The price of ${price.model} counts for runs from now on.`)
  }
  const dollars = (label: string, value: string, onChange: (value: string) => void) => (
    <Field label={label} className="w-32">
      {(ids) => (
        <Input
          {...ids}
          type="number"
          inputMode="decimal"
          min="0"
          step="0.001"
          value={value}
          placeholder="0.00"
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  )
  return (
    <form
      className="flex flex-col gap-3 border-t px-4 py-4 sm:px-5"
      onSubmit={(event) => {
        event.preventDefault()
        void submit().catch(() => {})
      }}
    >
      <div className="flex flex-wrap items-end gap-3">
        <Field label="Model" className="min-w-0 flex-1 basis-56">
          {(ids) => (
            <Input
              {...ids}
              value={model}
              maxLength={200}
              spellCheck={false}
              placeholder="gpt-4o-mini"
              onChange={(event) => setModel(event.target.value)}
            />
          )}
        </Field>
        {dollars('Input, $', input, setInput)}
        {dollars('Output, $', output, setOutput)}
        <Button type="submit" look="primary" disabled={!complete} busy={set.isPending}>
          Set price
        </Button>
      </div>
      {set.isError && <Notice tone="bad">{messageOf(set.error)}</Notice>}
    </form>
  )
}
