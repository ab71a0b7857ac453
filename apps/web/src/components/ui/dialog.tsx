import { X } from 'lucide-react'
import { Dialog as Radix } from 'radix-ui'
import type { ReactNode } from 'react'
import { cn } from '../../lib/cn.ts'

type Props = {
  open: boolean
  onOpenChange: (open: boolean) => void
  title: string
  description?: ReactNode
  children: ReactNode
  /** `sheet` slides in from the side and leaves the page in view. */
  shape?: 'dialog' | 'sheet'
  wide?: boolean
  /** Opens over another dialog, which waits for it. */
  above?: boolean
}

const shapes = {
  dialog: 'left-1/2 top-[6vh] max-h-[88vh] w-[calc(100vw-1.5rem)] -translate-x-1/2 rounded-xl border animate-appear',
  sheet: 'inset-y-0 right-0 w-full max-w-xl border-l animate-slide-in',
}

export function Dialog({
  open,
  onOpenChange,
  title,
  description,
  children,
  shape = 'dialog',
  wide = false,
  above = false,
}: Props) {
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className={cn('fixed inset-0 bg-black/40 dark:bg-black/60', above ? 'z-60' : 'z-40')} />
        <Radix.Content
          {...(description ? {} : { 'aria-describedby': undefined })}
          className={cn(
            'fixed flex flex-col overflow-hidden bg-raised shadow-2xl outline-none',
            above ? 'z-70' : 'z-50',
            shapes[shape],
            shape === 'dialog' && (wide ? 'max-w-2xl' : 'max-w-lg'),
          )}
        >
          <header className="flex items-start justify-between gap-4 border-b px-5 py-4">
            <div>
              <Radix.Title className="text-[15px] font-semibold">{title}</Radix.Title>
              {description && (
                <Radix.Description className="mt-0.5 text-[13px] text-muted">{description}</Radix.Description>
              )}
            </div>
            <Radix.Close aria-label="Close" className="-mr-1 rounded-md p-1 text-muted hover:bg-sunken hover:text-text">
              <X className="size-4" aria-hidden />
            </Radix.Close>
          </header>
          <div className="overflow-y-auto">{children}</div>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}

/** Buttons at the foot of a dialog. */
export const DialogFooter = ({ children }: { children: ReactNode }) => (
  <footer className="sticky bottom-0 flex flex-wrap justify-end gap-2 border-t bg-raised px-5 py-3">{children}</footer>
)
