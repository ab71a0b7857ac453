import { ArrowRight } from 'lucide-react'

export type Change = { field: string; from: string; to: string }

/** What will change, side by side. */
export function ChangeSummary({ changes, empty }: { changes: readonly Change[]; empty: string }) {
  if (!changes.length) return <p className="text-[13px] text-muted">{empty}</p>
  return (
    <ul aria-label="What will change" className="divide-y rounded-lg border text-[13px]">
      {changes.map(({ field, from, to }) => (
        <li key={field} className="grid grid-cols-[5.5rem_minmax(0,1fr)] gap-2 px-3 py-2">
          <span className="text-muted">{field}</span>
          <span className="flex min-w-0 flex-wrap items-center gap-x-2 font-mono text-[12.5px]">
            <del className="break-all text-bad no-underline">{from}</del>
            <ArrowRight className="size-3.5 text-faint" aria-label="becomes" />
            <ins className="break-all text-good no-underline">{to}</ins>
          </span>
        </li>
      ))}
    </ul>
  )
}
