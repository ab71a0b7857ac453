import { Switch as Radix } from 'radix-ui'
import type { ComponentProps } from 'react'
import { cn } from '../../lib/cn.ts'

/** On or off, saved as it is changed. */
export const Switch = ({ className, ...rest }: ComponentProps<typeof Radix.Root>) => (
  <Radix.Root
    className={cn(
      'inline-flex h-5 w-9 shrink-0 items-center rounded-full border border-line-strong bg-sunken p-px transition-colors disabled:opacity-50 data-[state=checked]:border-accent data-[state=checked]:bg-accent',
      className,
    )}
    {...rest}
  >
    <Radix.Thumb className="size-4 rounded-full bg-faint transition-transform data-[state=checked]:translate-x-4 data-[state=checked]:bg-accent-ink" />
  </Radix.Root>
)
