import { cn } from '../../lib/cn.ts'

/** One of a few, in a row of buttons that wraps where it is narrow. */
export function Choices<T extends string>({
  label,
  choices,
  value,
  onChange,
}: {
  label: string
  choices: Record<T, string>
  value: T
  onChange: (value: T) => void
}) {
  return (
    <div role="group" aria-label={label} className="flex w-fit flex-wrap gap-0.5 rounded-lg border bg-sunken p-0.5">
      {(Object.entries(choices) as [T, string][]).map(([id, name]) => (
        <button
          key={id}
          type="button"
          aria-pressed={id === value}
          onClick={() => onChange(id)}
          className={cn(
            'rounded-md px-2.5 py-1 text-[13px] text-muted hover:text-text',
            id === value && 'bg-raised font-medium text-text shadow-xs',
          )}
        >
          {name}
        </button>
      ))}
    </div>
  )
}
