import { cva } from 'class-variance-authority'
import type { VariantProps } from 'class-variance-authority'
import { LoaderCircle } from 'lucide-react'
import type { ComponentProps } from 'react'
import { cn } from '../../lib/cn.ts'

export const buttonStyle = cva(
  'inline-flex items-center justify-center gap-1.5 rounded-md font-medium whitespace-nowrap transition-colors disabled:cursor-not-allowed disabled:opacity-50 select-none [&_svg]:size-4 [&_svg]:shrink-0',
  {
    variants: {
      look: {
        primary: 'bg-accent text-accent-ink not-disabled:hover:brightness-110 shadow-xs',
        secondary: 'bg-panel text-text border border-line-strong not-disabled:hover:bg-sunken shadow-xs',
        ghost: 'text-muted not-disabled:hover:text-text not-disabled:hover:bg-sunken',
        danger:
          'bg-panel text-bad border border-line-strong not-disabled:hover:bg-bad-soft not-disabled:hover:border-bad/40',
      },
      size: { md: 'h-9 px-3.5 text-sm', sm: 'h-8 px-2.5 text-[13px]', icon: 'size-8' },
    },
    defaultVariants: { look: 'secondary', size: 'md' },
  },
)

type Props = ComponentProps<'button'> & VariantProps<typeof buttonStyle> & { busy?: boolean; why?: string | undefined }

/** `busy` shows that it is under way, and takes no second click. `why` it cannot be used: it is shown disabled, with that as its reason. */
export function Button({
  look,
  size,
  busy = false,
  why,
  className,
  children,
  type = 'button',
  disabled,
  ...rest
}: Props) {
  return (
    <button
      type={type}
      className={cn(buttonStyle({ look, size }), className)}
      disabled={disabled || busy || why !== undefined}
      aria-busy={busy}
      {...(why !== undefined && { title: why, 'aria-description': why })}
      {...rest}
    >
      {busy && <LoaderCircle className="animate-spin" aria-hidden />}
      {children}
    </button>
  )
}
