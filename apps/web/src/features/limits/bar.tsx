import { cn } from '../../lib/cn.ts'

const tones = { good: 'bg-accent', warn: 'bg-warn', bad: 'bg-bad' }

/** How much of something is used, or left. `value` is a share from 0 to 1; `label` says the same to who cannot see it. */
export function Bar({ value, tone = 'good', label }: { value: number; tone?: keyof typeof tones; label: string }) {
  const percent = Math.round(Math.min(1, Math.max(0, value)) * 100)
  return (
    <div
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
      className="h-1.5 overflow-hidden rounded-full bg-line"
    >
      <div className={cn('h-full rounded-full transition-[width]', tones[tone])} style={{ width: `${percent}%` }} />
    </div>
  )
}
