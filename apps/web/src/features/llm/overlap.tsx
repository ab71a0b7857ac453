import { Field, Select } from '../../components/ui/field.tsx'

const choices = [
  { minutes: 0, label: 'None: destroy the old key at once' },
  { minutes: 15, label: '15 minutes' },
  { minutes: 60, label: '1 hour' },
  { minutes: 6 * 60, label: '6 hours' },
  { minutes: 24 * 60, label: '24 hours' },
]

/** How long the old key stays, in minutes. */
export const OverlapField = ({ value, onChange }: { value: number; onChange: (minutes: number) => void }) => (
  <Field
    label="Keep the old key as a fallback for"
    hint={
      value === 0
        ? 'No run can use it any more, and it cannot be rolled back to.'
        : 'Runs use it only when the provider answers 401 to the new key, and each use is on record. Until then you can roll back.'
    }
  >
    {(ids) => (
      <Select {...ids} value={value} onChange={(e) => onChange(Number(e.target.value))}>
        {choices.map(({ minutes, label }) => (
          <option key={minutes} value={minutes}>
            {label}
          </option>
        ))}
      </Select>
    )}
  </Field>
)
