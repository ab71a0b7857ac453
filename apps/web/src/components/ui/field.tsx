import type { ComponentProps, ReactNode } from 'react'
import { useId } from 'react'
import { cn } from '../../lib/cn.ts'

const control =
  'w-full rounded-md border border-line-strong bg-panel px-3 text-sm text-text placeholder:text-faint shadow-xs transition-colors hover:border-faint focus-visible:outline-offset-0 aria-invalid:border-bad disabled:opacity-60'

type FieldProps = {
  label: string
  hint?: ReactNode
  error?: string | undefined
  className?: string
  /** Gets the ids that tie the control to its label, hint and error. */
  children: (ids: { id: string; 'aria-describedby': string | undefined; 'aria-invalid': true | undefined }) => ReactNode
}

export function Field({ label, hint, error, className, children }: FieldProps) {
  const id = useId()
  const note = error ?? hint
  return (
    <div className={cn('flex flex-col gap-1.5', className)}>
      <label htmlFor={id} className="text-[13px] font-medium">
        {label}
      </label>
      {children({ id, 'aria-describedby': note ? `${id}-note` : undefined, 'aria-invalid': error ? true : undefined })}
      {note && (
        <p
          id={`${id}-note`}
          role={error ? 'alert' : undefined}
          className={cn('text-[13px]', error ? 'text-bad' : 'text-muted')}
        >
          {note}
        </p>
      )}
    </div>
  )
}

export const Input = ({ className, ...rest }: ComponentProps<'input'>) => (
  <input className={cn(control, 'h-9', className)} {...rest} />
)
export const Textarea = ({ className, ...rest }: ComponentProps<'textarea'>) => (
  <textarea className={cn(control, 'py-2', className)} {...rest} />
)
export const Select = ({ className, ...rest }: ComponentProps<'select'>) => (
  <select className={cn(control, 'h-9 pr-8', className)} {...rest} />
)
