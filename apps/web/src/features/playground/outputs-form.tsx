import type { RunAnswer } from '@stewrd/core/runs/wire.ts'
import { useState } from 'react'
import { Button } from '../../components/ui/button.tsx'
import { Field, Textarea } from '../../components/ui/field.tsx'
import { Mono } from '../../components/ui/surface.tsx'

type Props = {
  calls: RunAnswer['tool_calls']
  busy: boolean
  onSubmit: (outputs: { id: string; output: string }[]) => void
}

/** What the model asked the client's tools for, to be answered by hand. */
export function OutputsForm({ calls, busy, onSubmit }: Props) {
  const [outputs, setOutputs] = useState<Record<string, string>>({})
  return (
    <form
      aria-label="Outputs of your tools"
      className="flex flex-col gap-4 rounded-lg border border-warn/30 bg-warn-soft/60 p-4"
      onSubmit={(event) => {
        event.preventDefault()
        onSubmit(calls.map(({ id }) => ({ id, output: outputs[id] ?? '' })))
      }}
    >
      <p className="text-[13px] font-medium">The run waits for your tools, for at most five minutes.</p>
      {calls.map(({ id, name, arguments: args }) => (
        <Field key={id} label={`Output of ${name}`} hint={<Mono className="text-xs">{JSON.stringify(args)}</Mono>}>
          {(ids) => (
            <Textarea
              {...ids}
              rows={2}
              value={outputs[id] ?? ''}
              onChange={(event) => setOutputs((all) => ({ ...all, [id]: event.target.value }))}
            />
          )}
        </Field>
      ))}
      <div>
        <Button type="submit" look="primary" size="sm" busy={busy}>
          Send outputs
        </Button>
      </div>
    </form>
  )
}
