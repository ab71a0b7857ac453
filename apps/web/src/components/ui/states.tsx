import { CircleAlert } from 'lucide-react'
import type { ReactNode } from 'react'
import { cn } from '../../lib/cn.ts'
import { isNotThere, messageOf } from '../../lib/trpc.ts'
import { Button } from './button.tsx'

/** A grey shape where content will stand: the same height as what comes. */
export const Skeleton = ({ className }: { className?: string }) => (
  <div aria-hidden className={cn('animate-pulse rounded-md bg-line/70', className)} />
)

export function Rows({ count = 6, className = 'h-12' }: { count?: number; className?: string }) {
  return (
    <div role="status" aria-label="Loading" className="flex flex-col divide-y">
      {Array.from({ length: count }, (_, i) => (
        <div key={i} className={cn('flex items-center gap-4 px-4', className)}>
          <Skeleton className="h-3.5 w-1/3" />
          <Skeleton className="h-3.5 w-1/5" />
          <Skeleton className="ml-auto h-3.5 w-16" />
        </div>
      ))}
    </div>
  )
}

/** Nothing is here yet: what it is for, and what to do. */
export function Empty({
  icon,
  title,
  children,
  action,
  level: Heading = 'h2',
}: {
  icon?: ReactNode
  title: string
  /** `h1` where nothing else on the page is its title. */
  level?: 'h1' | 'h2'
  children?: ReactNode
  action?: ReactNode
}) {
  return (
    <div className="flex flex-col items-center px-6 py-14 text-center">
      {icon && <div className="mb-4 rounded-xl border bg-sunken p-3 text-muted [&_svg]:size-5">{icon}</div>}
      <Heading className="text-[15px] font-semibold">{title}</Heading>
      {children && <div className="mt-1.5 max-w-md text-[13px] text-muted">{children}</div>}
      {action && <div className="mt-5">{action}</div>}
    </div>
  )
}

/** It failed: why, and again where that can help. */
export function Failed({ error, retry }: { error: unknown; retry?: () => void }) {
  return (
    <div role="alert" className="flex flex-col items-center gap-3 px-6 py-12 text-center">
      <CircleAlert className="size-5 text-bad" aria-hidden />
      <p className="max-w-md text-sm text-muted">{messageOf(error)}</p>
      {retry && !isNotThere(error) && (
        <Button size="sm" onClick={retry}>
          Try again
        </Button>
      )}
    </div>
  )
}

const tones = {
  info: 'border-line bg-sunken text-text',
  good: 'border-good/30 bg-good-soft text-good',
  warn: 'border-warn/30 bg-warn-soft text-warn',
  bad: 'border-bad/30 bg-bad-soft text-bad',
}

/** A message in its place. Problems are read out as they appear. */
export function Notice({
  tone = 'info',
  title,
  children,
}: {
  tone?: keyof typeof tones
  title?: string
  children?: ReactNode
}) {
  return (
    <div
      role={tone === 'bad' ? 'alert' : 'status'}
      className={cn('rounded-lg border px-3.5 py-2.5 text-[13px]', tones[tone])}
    >
      {title && <p className="font-medium">{title}</p>}
      {children && <div className={cn(title && 'mt-0.5', tone !== 'info' && 'text-text/85')}>{children}</div>}
    </div>
  )
}
