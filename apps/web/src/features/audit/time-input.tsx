import { Field, Input } from '../../components/ui/field.tsx'

/** Local date and time of unix milliseconds, as a `datetime-local` input has it. */
const localInput = (ms: number) => new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 19)

export const TimeInput = ({
  label,
  value,
  onChange,
}: {
  label: string
  value: number | undefined
  onChange: (ms: number) => void
}) => (
  <Field label={label}>
    {(ids) => (
      <Input
        {...ids}
        type="datetime-local"
        step={1}
        value={value === undefined ? '' : localInput(value)}
        onChange={(e) => {
          const ms = new Date(e.target.value).getTime()
          if (!Number.isNaN(ms)) onChange(ms)
        }}
      />
    )}
  </Field>
)
