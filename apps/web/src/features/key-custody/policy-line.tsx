import { useState } from 'react'
import { PolicyDialog } from './policy-dialog.tsx'
import { usePolicy } from './queries.ts'

/** The rule that holds, and the way to change it. */
export function PolicyLine({ projectId }: { projectId: string }) {
  const policy = usePolicy(projectId)
  const [open, setOpen] = useState(false)
  if (!policy.data) return null
  const { maxAgeDays, own } = policy.data
  return (
    <>
      <span className="block text-xs text-muted">
        {own ? 'Rule' : 'Default'}: {maxAgeDays} {maxAgeDays === 1 ? 'day' : 'days'} ·{' '}
        <button
          type="button"
          className="rounded underline underline-offset-2 hover:text-text"
          aria-label="Change rotation rule"
          onClick={() => setOpen(true)}
        >
          change
        </button>
      </span>
      {open && <PolicyDialog projectId={projectId} policy={policy.data} onClose={() => setOpen(false)} />}
    </>
  )
}
